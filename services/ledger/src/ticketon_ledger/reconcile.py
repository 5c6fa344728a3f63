"""Compares the ledger with the provider's listing, line by line, in the memory of a page.

The listing is read first, into a temporary table of this session, and the ledger after it in one snapshot: whatever the
listing tells, the ledger has had its time to know. What the ledger learnt since shortly before the listing began may be
missing there: it is young, and not judged. Both come back as one stream sorted by payment. Nothing is changed.
"""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from ticketon_ledger.database import Database, Row, Scratch
from ticketon_ledger.listing import Listing, pages
from ticketon_ledger.reconciling import Account, Finding, Kind, PaymentLine, RefundLine, Transaction, judge

#: A provider's listing may be this much behind its own answers.
DEFAULT_LAG_SECONDS = 300.0
#: Sorting millions of lines.
RECONCILE_SECONDS = 900.0

_STAGED = {
    "id": "text",
    "kind": "text",
    "entry": "text",
    "reference": "text",
    "refund": "text",
    "amount": "bigint",
    "currency": "text",
}
_LINES = """
SELECT coalesce(payment.id, orders.payment_id) AS reference, 'payment' AS line, coalesce(payment.event, orders.event)
       AS event, payment.id, coalesce(payment.state, '') AS state, coalesce(payment.pending, 'nothing') AS pending,
       coalesce(payment.amount, orders.amount) AS amount, coalesce(payment.currency, orders.currency) AS currency,
       coalesce(payment.captured, 0) AS captured, orders.id AS order_id, orders.state AS order_state,
       coalesce(orders.amount, 0) AS order_amount, NULL AS entry, NULL AS refund,
       coalesce(payment.pending <> 'nothing' AND payment.accepted_at < now() - make_interval(secs => $2), false)
       AS overdue, coalesce(coalesce(payment.settled_at, payment.accepted_at) >= $1, false) AS young
FROM payment FULL JOIN orders ON orders.payment_id = payment.id
UNION ALL
SELECT payment_id, 'refund', event, id, state, NULL, amount, currency, NULL, order_id, NULL, NULL, NULL, NULL,
       state <> 'done' AND requested_at < now() - make_interval(secs => $2),
       coalesce(settled_at, requested_at) >= $1
FROM refund
UNION ALL
SELECT reference, 'transaction', NULL, id, kind, NULL, amount, currency, NULL, NULL, NULL, NULL, entry, refund,
       NULL, NULL
FROM pg_temp.listed
ORDER BY reference
"""

#: A number of minor units by ``kind currency``, or of lines.
Counts = Counter[str]


@dataclass(slots=True)
class Summary:
    """What was compared. Sums are in minor units, by currency; ``differences`` and ``still_open`` are by kind."""

    payments: int = 0
    refunds: int = 0
    transactions: int = 0
    others: int = 0  # transactions of events that were not asked for
    taken_by_ledger: Counts = field(default_factory=Counter)
    taken_by_books: Counts = field(default_factory=Counter)
    differences: Counts = field(default_factory=Counter)
    still_open: Counts = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        return not self.differences


async def reconcile(
    database: Database,
    listing: Listing,
    *,
    found: Callable[[Finding], None],
    events: Sequence[str] = (),
    within_seconds: float,
    lag_seconds: float = DEFAULT_LAG_SECONDS,
) -> Summary:
    """Compare; ``found`` is told each finding as it comes. ``events``: only theirs (none: all the ledger has).

    Raises LedgerUnavailable, and BooksError where the listing could not be read whole: then nothing was compared.
    """
    summary = Summary()
    async with database.scratch("listed", _STAGED) as scratch:
        since = await scratch.now() - dt.timedelta(seconds=lag_seconds)
        async for lines in pages(listing):
            summary.transactions += len(lines)
            await scratch.add([_row(line) for line in lines])
        async for account in _accounts(scratch, since, within_seconds):
            if _asked_for(account, events):
                _count(summary, account)
                for finding in judge(account):
                    (summary.still_open if finding.open else summary.differences)[finding.difference] += 1
                    found(finding)
            else:
                summary.others += len(account.transactions)
    return summary


def _row(line: Transaction) -> tuple[object, ...]:
    return (line.id, line.kind, line.entry, line.reference, line.refund, line.amount, line.currency)


def _asked_for(account: Account, events: Sequence[str]) -> bool:
    """What no event of the ledger knows is everybody's."""
    return not events or account.payment is None or account.payment.event in events


def _count(summary: Summary, account: Account) -> None:
    payment = account.payment
    if payment is not None:
        summary.payments += bool(payment.state)
        summary.taken_by_ledger[payment.currency] += payment.owed
    summary.refunds += len(account.refunds)
    for refund in account.refunds:
        if payment is not None and refund.state == "done":
            summary.taken_by_ledger[payment.currency] -= refund.amount
    for line in account.transactions:
        if line.kind in {Kind.CAPTURE, Kind.CHARGE}:
            summary.taken_by_books[line.currency] += line.amount
        elif line.kind == Kind.REFUND:
            summary.taken_by_books[line.currency] -= line.amount


async def _accounts(scratch: Scratch, since: dt.datetime, within_seconds: float) -> AsyncIterator[Account]:
    """The sorted lines, one reference after the other."""
    rows: list[Row] = []
    async for row in scratch.stream(_LINES, since, float(within_seconds), seconds=RECONCILE_SECONDS):
        if rows and rows[0]["reference"] != row["reference"]:
            yield _account(rows)
            rows = []
        rows.append(row)
    if rows:
        yield _account(rows)


def _account(rows: Sequence[Row]) -> Account:
    payment: PaymentLine | None = None
    refunds, transactions = [], []
    for row in rows:
        match row["line"]:
            case "payment":
                payment = PaymentLine(
                    event=row["event"],
                    state=row["state"],
                    pending=row["pending"],
                    amount=row["amount"],
                    currency=row["currency"],
                    captured=row["captured"],
                    order_id=row["order_id"],
                    order_state=row["order_state"],
                    order_amount=row["order_amount"],
                    overdue=row["overdue"],
                    young=row["young"],
                )
            case "refund":
                refunds.append(RefundLine(row["id"], row["state"], row["amount"], row["overdue"], row["young"]))
            case _:
                transactions.append(
                    Transaction(
                        id=row["id"],
                        kind=row["state"],
                        entry=row["entry"],
                        reference=row["reference"],
                        refund=row["refund"],
                        amount=row["amount"],
                        currency=row["currency"],
                    )
                )
    return Account(rows[0]["reference"], payment, refunds, transactions)
