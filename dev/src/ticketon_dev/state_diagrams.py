"""Draws how payments and refunds go, out of the functions that decide it: docs/payment-states.md cannot become stale.

``make manifests`` writes the drawings between their markers; a test compares them.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ticketon_dev.locations import checkout
from ticketon_ledger.records import PaymentState, Pending, Refund, RefundState
from ticketon_payments import refund_saga, saga
from ticketon_payments.saga import Outcome, Write

PAGE = Path("docs/payment-states.md")
_ENDS = (PaymentState.DECLINED, PaymentState.VOIDED, PaymentState.REFUNDED, PaymentState.EXPIRED)

Place = tuple[PaymentState, Pending]
Edges = dict[tuple[str, str], set[str]]


def payment_steps() -> Iterator[tuple[Place, str, Place]]:
    """Every step that a payment can take from its acceptance on: where from, why, where to."""
    begun: Place = (PaymentState.ACCEPTED, Pending.AUTHORIZE)
    seen, ahead = {begun}, [begun]
    while ahead:
        place = ahead.pop()
        for why, target in _onward(place):
            yield place, why, target
            if target not in seen:
                seen.add(target)
                ahead.append(target)


def _onward(place: Place) -> Iterator[tuple[str, Place]]:
    for outcome in Outcome:
        for late in (False, True):
            for again in (False, True):
                step = saga.decide(*place, outcome, late=late, again=again)
                if step is None:
                    continue
                why = f"{outcome}, late" if late and step != saga.decide(*place, outcome, again=again) else str(outcome)
                if step.write is Write.COMMIT:
                    yield f"{outcome}, seats ours", (step.state, step.pending)
                    yield f"{outcome}, seats lost", (PaymentState.AUTHORIZED, step.lost_pending)
                else:
                    yield why, (step.state, step.pending)


def payments() -> str:
    """Return the states that a buyer may be shown, as Mermaid."""
    edges: Edges = defaultdict(set)
    for (state, _), why, (target, _) in payment_steps():
        if state is not target:
            edges[state, target].add(why)
    edges[PaymentState.PAID, PaymentState.REFUNDED].add("refunds of all of it done")
    return _mermaid(PaymentState.ACCEPTED, edges, ends=(PaymentState.PAID, *_ENDS))


def refunds() -> str:
    """Return the states of a refund, as Mermaid."""
    edges: Edges = defaultdict(set)
    for state in (RefundState.REQUESTED, RefundState.UNKNOWN):
        for attempts in (1, refund_saga.REFUSALS_BELIEVED_AFTER):
            for outcome in (Outcome.REFUNDED, Outcome.NO_ANSWER, Outcome.NOT_POSSIBLE):
                step = refund_saga.decide(_refund(state, attempts), outcome)
                if step.state is not state:
                    edges[state, step.state].add(str(outcome))
    edges[RefundState.REFUSED, RefundState.REQUESTED].add("ticketon refunds --retry")
    return _mermaid(RefundState.REQUESTED, edges, ends=(RefundState.DONE,))


def _refund(state: RefundState, attempts: int) -> Refund:
    now = datetime.now(UTC)
    names = ("id", "event", "order_id", "payment_id", "idempotency_key", "currency", "reason", "protocol")
    return Refund(
        **dict.fromkeys(names, ""),
        seats=[],
        amount=1,
        state=state,
        round=0,
        attempts=attempts,
        detail=None,
        requested_at=now,
        due_at=None,
        settled_at=None,
        provider_id=None,
    )


def _mermaid(first: str, edges: Edges, *, ends: tuple[str, ...]) -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for (state, target), whys in sorted(edges.items()):
        lines.append(f"    {state} --> {target}: {' / '.join(sorted(whys))}")
    lines += [f"    {end} --> [*]" for end in ends]
    return "\n".join(lines)


def drawn(page: str) -> str:
    """Return the page with its drawings as they have to be; raises ValueError where a marker is missing."""
    for name, drawing in (("payments", payments()), ("refunds", refunds())):
        place = re.search(rf"<!-- drawn: {name} -->\n```mermaid\n(.*?)\n```", page, re.DOTALL)
        if place is None:
            raise ValueError(f"the page has no place for the drawing of {name}")
        page = page[: place.start(1)] + drawing + page[place.end(1) :]
    return page


def main() -> int:
    """Write the drawings anew."""
    page = checkout() / PAGE
    page.write_text(drawn(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
