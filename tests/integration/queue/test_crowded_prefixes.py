"""Limits per prefix over real requests: who is behind which address is the ingress's word, and the client's is none."""

from typing import Any

from support.queue_sale import Sale

from ticketon_contract.config import Challenge, ChallengeMode
from ticketon_queue.challenge import LEAST_BITS, PREFIX_BITS
from ticketon_queue.crowding import LEAST_JOINS

JOINS = LEAST_JOINS * 2 + 2


async def bits_of(sale: Sale, address: str) -> int | None:
    """What a newcomer from there is asked for."""
    newcomer = await sale.buyer().introduce()
    answer = await newcomer.ask("POST", "/v1/line", headers={"x-forwarded-for": address})
    return int(answer.json()["bits"]) if answer.status_code == 403 else None


async def test_a_crowded_prefix_works_harder_and_others_do_not(make_sale: Any) -> None:
    challenge = Challenge(mode=ChallengeMode.ALWAYS, trusted_proxies=("127.0.0.0/8",))
    sale: Sale = await make_sale(paused=True, challenge=challenge)
    first = [await bits_of(sale, f"203.0.113.{host}") for host in range(JOINS)]
    assert first[:LEAST_JOINS] == [LEAST_BITS] * LEAST_JOINS
    assert LEAST_BITS < (first[-1] or 0) <= LEAST_BITS + PREFIX_BITS
    assert await bits_of(sale, "198.51.100.1") == LEAST_BITS
    assert (await bits_of(sale, "198.51.100.1, 203.0.113.9") or 0) > LEAST_BITS
    assert await bits_of(sale, "203.0.113.9, 198.51.100.2") == LEAST_BITS
