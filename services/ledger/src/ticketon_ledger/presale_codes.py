"""Codes of a presale that were spent: whose each is. Statements only.

A row is never changed or taken away, so a code belongs to who spent it first, whatever Redis forgets.
"""

from collections.abc import Sequence

from ticketon_ledger.database import Statements

#: In the order of the codes, in which every server locks them; of those who ask for the same code the first has it.
_SPEND = """
INSERT INTO presale_code (event, code, buyer, spent_at)
SELECT $1, code, buyer, clock_timestamp()
FROM unnest($2::int[], $3::text[]) WITH ORDINALITY AS asked (code, buyer, place) ORDER BY code, place
ON CONFLICT (event, code) DO NOTHING RETURNING code, buyer
"""
_FIND = """
SELECT found.* FROM unnest($2::int[]) AS ask (code)
CROSS JOIN LATERAL (
    SELECT code, buyer FROM presale_code AS spent WHERE spent.event = $1 AND spent.code = ask.code OFFSET 0
) AS found
"""


async def spend(database: Statements, event: str, codes: Sequence[int], buyers: Sequence[str]) -> list[str]:
    """Spend each code for the buyer beside it, where nobody has; returns whose each is, in order.

    Asking twice is harmless.
    """
    holders = {row["code"]: row["buyer"] for row in await database.fetch(_SPEND, event, codes, buyers)}
    before = [code for code in codes if code not in holders]
    if before:
        # A statement of its own: it sees what others have spent while the first waited for them.
        holders |= {row["code"]: row["buyer"] for row in await database.fetch(_FIND, event, before)}
    return [holders[code] for code in codes]
