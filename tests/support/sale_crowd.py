"""A crowd at a sale while the test does something else to it, and what has to be true when all have gone home."""

import asyncio
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Self

from support.eventually import eventually
from support.sale import LOOK_SECONDS, PER_MINUTE, Sale

from ticketon_dev.crowd import WELL_BEHAVED, CrowdPlan, CrowdResult, Figures, Kind, Mix, Outcome, run_crowd
from ticketon_dev.crowd.books import compare
from ticketon_dev.demo.audit import audit_and_reconcile

#: Holds that nobody pays lapse, and a store may be away for a while: whoever wants seats stays until all are sold.
WAITS_FOR_RETURNS_SECONDS = 90.0
ARRIVAL_SECONDS = 6.0
#: All seats are sold within seconds here, and the test waits for those who hope.
RETURNS_PAUSE_SECONDS = (1.0, 2.0)
#: Longer than the grace: whoever sleeps so long loses their turn, and may come back once.
ABSENCE_SECONDS = 7.0

#: All that buyers do, with cards that are trouble and connections that drop, but nobody gives up on a seat.
LIVELY = replace(Mix(), persistent=1.0, card_times_out=0.0, thinking_seconds=(0.2, 1.5))
#: Everybody means to buy; some have two tabs, some cards are trouble, some connections drop.
DETERMINED = replace(
    WELL_BEHAVED, two_tabs=0.1, hang_up=0.1, awkward_card=0.1, decline_then_other_card=0.1, try_before_turn=0.05
)


class CrowdAtWork:
    """A crowd in a thread of its own. Use it as a context manager: leaving it early sends everybody home."""

    def __init__(self, plan: CrowdPlan) -> None:
        self.plan = plan
        self.figures = Figures()
        self._result: CrowdResult | None = None
        self._failure: BaseException | None = None
        self._go_home: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)

    def _run(self) -> None:
        try:
            self._result = asyncio.run(self._day())
        except BaseException as failure:  # noqa: BLE001  (it is raised again where the result is asked for)
            self._failure = failure

    async def _day(self) -> CrowdResult:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._go_home = lambda: loop.call_soon_threadsafe(task.cancel)
        return await run_crowd(self.plan, self.figures)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._go_home()
        self._thread.join(timeout=30)

    def wait_for(self, moment: Callable[[Figures], bool], within_seconds: float = 30.0) -> Self:
        """Wait for a moment of the sale, as the crowd has it: ``crowd.wait_for(lambda seen: seen.tickets >= 10)``."""
        eventually(lambda: self._failure or moment(self.figures), within_seconds, every_seconds=0.02)
        if self._failure is not None:
            raise self._failure
        return self

    def result(self) -> CrowdResult:
        """Wait until the last one has gone home; raises what the crowd raised."""
        self._thread.join(timeout=self.plan.deadline_seconds + 30)
        if self._failure is not None:
            raise self._failure
        assert self._result is not None, f"the crowd is still there: {dict(self.figures.stages)}"
        return self._result


def crowd(
    sale: Sale,
    *,
    buyers: int = 60,
    seed: int = 1,
    mix: Mix = DETERMINED,
    log_folder: Path | None = None,
) -> CrowdAtWork:
    """A crowd for a sale; it has set out when the context is entered."""
    return CrowdAtWork(
        CrowdPlan(
            base_url=sale.base_url,
            buyers=buyers,
            seed=seed,
            mix=mix,
            ca_file=sale.lab.at.authority,
            arrival_seconds=ARRIVAL_SECONDS,
            deadline_seconds=150.0,
            patience_seconds=60.0,
            absence_seconds=ABSENCE_SECONDS,
            waits_for_returns_seconds=WAITS_FOR_RETURNS_SECONDS,
            returns_pause_seconds=RETURNS_PAUSE_SECONDS,
            log_file=log_folder / f"{sale.namespace}.jsonl" if log_folder else None,
        )
    )


# --- what has to be true afterwards


def assert_sale_kept_its_word(sale: Sale, result: CrowdResult, *, others: Collection[str] = ()) -> None:
    """Everything at once. ``others``: payments that were made beside the crowd's."""
    assert_buyers_were_told_the_truth(result)
    assert_sold_out(sale)
    assert_books_equal_orders(sale, result, others=others)
    assert_audit_is_clean(sale)


def assert_buyers_were_told_the_truth(result: CrowdResult) -> None:
    """Numbers, order, places, seats and tickets, by the buyers' own logs; nobody was left without an answer."""
    verdict = result.verdict(admitted_per_minute=PER_MINUTE)
    assert verdict.clean, "\n".join(verdict.summary())
    left_alone = result.count(Outcome.UNSETTLED, Outcome.NO_ANSWER, Outcome.STILL_WAITING, Outcome.TURNED_AWAY)
    assert left_alone == 0, f"{dict(result.outcomes)} {dict(result.figures.faults)}"


def assert_sold_out(sale: Sale) -> None:
    """Every seat is sold, once, by the operator's figures, which are a few seconds old."""

    def sold_out() -> bool:
        status = sale.status()
        return bool(status["phase"] == "SoldOut" and status["seats"]["paying"] == 0)

    eventually(sold_out, 15.0, every_seconds=LOOK_SECONDS)
    seats = sale.seats()
    assert seats["sold"] == seats["capacity"] == sale.capacity
    assert seats["held"] == seats["paying"] == seats["free"] == 0


def assert_books_equal_orders(sale: Sale, result: CrowdResult, *, others: Collection[str] = ()) -> None:
    """The provider took what buyers were told that they paid, each payment once, and nothing beside it."""
    books = sale.books()
    verdict = compare(result.records, books)
    assert verdict.clean, "\n".join(verdict.wrong)
    assert verdict.unsettled == 0
    assert verdict.taken == verdict.owed
    kept = {entry["reference"] for entry in books if entry["captured"] != entry["refunded"]}
    paid = {str(record.payment) for record in result.records if record.kind is Kind.PAYMENT and record.state == "paid"}
    assert kept == paid | set(others), "the provider keeps money of payments that no buyer was told of"


def assert_audit_is_clean(sale: Sale) -> None:
    """The records prove seats, money and limits, with the provider's books; each of their lines has its other half."""
    audited, reconciled = asyncio.run(audit_and_reconcile(sale.lab, sale.ref))
    assert audited.exit_code == 0, audited.text
    assert reconciled.exit_code == 0, reconciled.text


def tickets_told(result: CrowdResult) -> list[str]:
    """Return the seats of all tickets that buyers fetched."""
    return [seat for record in result.records if record.kind is Kind.TICKET for seat in record.seats]
