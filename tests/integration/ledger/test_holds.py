"""Holds against a real Postgres: nobody gets a seat twice, and nobody more than the limit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from support.eventually import eventually_async
from support.money import STALLS, STANDING, configuration, hall

from ticketon_contract.names import EventRef
from ticketon_ledger import (
    BuyerLimit,
    Hold,
    HoldLost,
    HoldState,
    Ledger,
    LedgerError,
    NotYours,
    SeatsTaken,
    ShownState,
    SoldOut,
    UnknownSeats,
    UnknownZone,
)


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


class Buyer:
    """Someone at this event."""

    def __init__(self, ledger: Ledger, event: EventRef, name: str = "ann", limit: int = 4) -> None:
        self.ledger = ledger
        self.event = str(event)
        self.name = name
        self.limit = limit

    async def seats(self, *seats: str, seconds: float = 60) -> Hold:
        return await self.ledger.hold_seats(
            self.event, buyer=self.name, number=1, seats=seats, hold_seconds=seconds, max_per_buyer=self.limit
        )

    async def some(self, zone: str, quantity: int, seconds: float = 60) -> Hold:
        return await self.ledger.hold_quantity(
            self.event,
            buyer=self.name,
            number=1,
            zone=zone,
            quantity=quantity,
            hold_seconds=seconds,
            max_per_buyer=self.limit,
        )


async def test_a_hold_tells_its_seats_and_what_they_cost(ledger: Ledger, event: EventRef) -> None:
    hold = await Buyer(ledger, event).seats("R-1-2", "R-1-1")
    assert (hold.seats, hold.amount, hold.currency, hold.state) == (
        ["R-1-1", "R-1-2"],
        2 * STALLS.price,
        "KRW",
        HoldState.HELD,
    )
    assert await ledger.hold(str(event), hold.id) == hold


async def test_of_two_holds_on_one_seat_one_wins_and_the_other_is_told_which_seat(
    ledger: Ledger, event: EventRef
) -> None:
    results = await asyncio.gather(
        Buyer(ledger, event, "ann").seats("R-1-1", "R-1-2"),
        Buyer(ledger, event, "ben").seats("R-1-3", "R-1-2"),
        return_exceptions=True,
    )
    assert Counter(type(result) for result in results) == {Hold: 1, SeatsTaken: 1}
    refusal = next(result for result in results if isinstance(result, SeatsTaken))
    assert refusal.seats == ["R-1-2"]
    counts = {zone.zone: zone for zone in await ledger.zone_counts(str(event))}
    assert (counts["R"].held, counts["R"].free) == (2, 48)


async def test_two_hundred_buyers_on_fifty_seats_hold_each_seat_once(ledger: Ledger, event: EventRef) -> None:
    names = [f"R-{row}-{seat}" for row in range(1, 6) for seat in range(1, 11)]
    results = await asyncio.gather(
        *(
            Buyer(ledger, event, f"b{n}").seats(names[n % 50], names[(n * 7 + 1) % 50])
            if n % 2
            else Buyer(ledger, event, f"b{n}").some("R", 1 + n % 3)
            for n in range(200)
        ),
        return_exceptions=True,
    )
    holds = [result for result in results if isinstance(result, Hold)]
    assert all(isinstance(result, Hold | SeatsTaken | SoldOut) for result in results), results
    held = Counter(seat for hold in holds for seat in hold.seats)
    assert max(held.values()) == 1
    seats = await ledger.seat_map(str(event), "R")
    assert {seat.id for seat in seats.seats if seat.state is ShownState.HELD} == set(held)


async def test_general_admission_sells_its_last_unit_and_no_more(ledger: Ledger, event: EventRef) -> None:
    results = await asyncio.gather(
        *(Buyer(ledger, event, f"b{n}").some("GA", 1) for n in range(60)), return_exceptions=True
    )
    holds = [result for result in results if isinstance(result, Hold)]
    assert len(holds) == STANDING.capacity
    assert len({seat for hold in holds for seat in hold.seats}) == STANDING.capacity
    assert all(isinstance(result, Hold | SoldOut) for result in results), results


async def test_a_hold_that_ran_out_loses_its_seat_to_another_and_its_buyer_may_hold_again(
    ledger: Ledger, event: EventRef
) -> None:
    ann = Buyer(ledger, event, "ann", limit=2)
    lost = await ann.seats("R-1-1", "R-1-2", seconds=0.05)
    ben = Buyer(ledger, event, "ben")

    async def taken() -> Hold:
        return await ben.seats("R-1-2")

    assert (await eventually_async(taken, within_seconds=5)).seats == ["R-1-2"]
    current = await ledger.hold(str(event), lost.id)
    assert current is not None
    assert current.state is HoldState.EXPIRED
    with pytest.raises(HoldLost):
        await ledger.release(str(event), lost.id, buyer="ann")
    assert (await ann.seats("R-1-1", "R-1-3")).seats == ["R-1-1", "R-1-3"]


async def test_units_of_general_admission_that_ran_out_sell_again(ledger: Ledger, event: EventRef) -> None:
    for n in range(5):
        await Buyer(ledger, event, f"slow{n}").some("GA", 4, seconds=0.05)

    async def again() -> Hold:
        return await Buyer(ledger, event, "quick").some("GA", 4)

    assert len((await eventually_async(again, within_seconds=5)).seats) == 4


async def test_units_that_came_back_sell_again_though_later_ones_are_gone(ledger: Ledger, event: EventRef) -> None:
    first, *_ = [await Buyer(ledger, event, f"b{n}").some("GA", 1) for n in range(STANDING.capacity)]
    with pytest.raises(SoldOut):
        await Buyer(ledger, event, "late").some("GA", 1)
    await ledger.release(str(event), first.id, buyer=first.buyer)
    assert (await Buyer(ledger, event, "late").some("GA", 1)).seats == first.seats


async def test_a_buyer_never_holds_more_than_the_limit_however_many_tabs_ask(ledger: Ledger, event: EventRef) -> None:
    ann = Buyer(ledger, event, "ann", limit=3)
    results = await asyncio.gather(
        *(ann.seats(f"R-2-{n}") for n in range(1, 11)),
        *(ann.some("GA", 2) for _ in range(5)),
        return_exceptions=True,
    )
    held = sum(len(result.seats) for result in results if isinstance(result, Hold))
    assert 2 <= held <= 3
    assert all(isinstance(result, Hold | BuyerLimit) for result in results), results
    with pytest.raises(BuyerLimit):
        await ann.seats("R-3-1", "R-3-2", "R-3-3", "R-3-4")


async def test_a_refused_hold_counts_for_nothing(ledger: Ledger, event: EventRef) -> None:
    await Buyer(ledger, event, "ben").seats("R-1-1")
    ann = Buyer(ledger, event, "ann", limit=2)
    for _ in range(3):
        with pytest.raises(SeatsTaken):
            await ann.seats("R-1-1", "R-1-2")
    assert len((await ann.seats("R-1-2", "R-1-3")).seats) == 2


async def test_what_is_given_back_sells_again_at_once_and_returns_to_the_limit(ledger: Ledger, event: EventRef) -> None:
    ann = Buyer(ledger, event, "ann", limit=2)
    hold = await ann.seats("R-1-1", "R-1-2")
    with pytest.raises(NotYours):
        await ledger.release(str(event), hold.id, buyer="ben")
    assert (await ledger.release(str(event), hold.id, buyer="ann")).state is HoldState.RELEASED
    with pytest.raises(HoldLost):
        await ledger.release(str(event), hold.id, buyer="ann")
    assert await Buyer(ledger, event, "ben").seats("R-1-1")
    assert await ann.seats("R-1-2", "R-1-3")


async def test_many_holds_running_out_at_once_are_counted_back_without_deadlock(
    ledger: Ledger, event: EventRef
) -> None:
    """Pairs that ran out, taken crosswise by many: each taker ends two holds that another wants to end as well."""
    for n in range(1, 10, 2):
        await Buyer(ledger, event, f"slow{n}", limit=2).seats(f"R-1-{n}", f"R-1-{n + 1}", seconds=0.05)

    async def everybody_lapsed() -> bool:
        return (await ledger.zone_counts(str(event)))[0].free == 50

    assert await eventually_async(everybody_lapsed, within_seconds=5)
    results = await asyncio.gather(
        *(Buyer(ledger, event, f"b{n}").seats(f"R-1-{n}", f"R-1-{n % 10 + 1}") for n in range(1, 11)),
        *(Buyer(ledger, event, f"slow{n}", limit=2).seats(f"R-5-{n}", f"R-5-{n + 1}") for n in range(1, 10, 2)),
        return_exceptions=True,
    )
    assert all(isinstance(result, Hold | SeatsTaken) for result in results), results
    rows = await ledger.database.fetch("SELECT buyer, taken FROM buyer")
    held = Counter[str]()
    for result in results:
        if isinstance(result, Hold):
            held[result.buyer] += len(result.seats)
    lapsed = {row["buyer"]: row["taken"] for row in rows}
    assert {name: taken for name, taken in lapsed.items() if taken} == dict(held)


async def test_seats_and_zones_that_do_not_exist_are_named(ledger: Ledger, event: EventRef) -> None:
    with pytest.raises(UnknownSeats) as unknown:
        await Buyer(ledger, event).seats("R-1-1", "R-99-1")
    assert unknown.value.seats == ["R-99-1"]
    with pytest.raises(UnknownZone):
        await Buyer(ledger, event).some("Z", 1)
    with pytest.raises(UnknownZone):
        await ledger.seat_map(str(event), "Z")


async def test_the_best_seats_lie_together_and_leave_no_single_seat(ledger: Ledger, event: EventRef) -> None:
    taken: list[list[str]] = []
    for n in range(10):
        hold = await Buyer(ledger, event, f"b{n}").some("R", 3)
        numbers = sorted(int(seat.split("-")[2]) for seat in hold.seats)
        assert len({seat.split("-")[1] for seat in hold.seats}) == 1
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        taken.append(hold.seats)
    seats = (await ledger.seat_map(str(event), "R")).seats
    free = {(seat.row, seat.number) for seat in seats if seat.state is ShownState.FREE}
    alone = [(row, n) for row, n in free if (row, n - 1) not in free and (row, n + 1) not in free]
    assert alone == []


async def test_a_zone_sells_out_by_best_available_and_what_comes_back_sells_again(
    ledger: Ledger, event: EventRef
) -> None:
    results = await asyncio.gather(
        *(Buyer(ledger, event, f"b{n}").some("R", 2) for n in range(40)), return_exceptions=True
    )
    holds = [result for result in results if isinstance(result, Hold)]
    assert sum(len(hold.seats) for hold in holds) == STALLS.size
    refusals = [result for result in results if not isinstance(result, Hold)]
    assert {type(refusal) for refusal in refusals} == {SoldOut}
    assert {refusal.left for refusal in refusals if isinstance(refusal, SoldOut)} == {0}
    await ledger.release(str(event), holds[0].id, buyer=holds[0].buyer)
    assert (await Buyer(ledger, event, "late").some("R", 2)).seats == holds[0].seats


async def test_the_version_of_a_seat_map_rises_with_every_change_of_a_state(ledger: Ledger, event: EventRef) -> None:
    versions = [(await ledger.seat_map(str(event), "R")).version]
    assert (await ledger.seat_map(str(event), "R")).version == versions[0]
    hold = await Buyer(ledger, event).seats("R-1-1", seconds=0.05)
    versions.append((await ledger.seat_map(str(event), "R")).version)

    async def risen() -> bool:
        return (await ledger.seat_map(str(event), "R")).version > versions[1]

    assert await eventually_async(risen, within_seconds=5)
    versions.append((await ledger.seat_map(str(event), "R")).version)
    await ledger.release(str(event), hold.id, buyer="ann")
    versions.append((await ledger.seat_map(str(event), "R")).version)
    assert versions == sorted(set(versions))


async def test_two_events_in_one_database_do_not_meet(ledger: Ledger, event: EventRef) -> None:
    other = EventRef("elsewhere", event.name)
    await ledger.apply_inventory(configuration(other))
    await Buyer(ledger, event).seats("R-1-1")
    await Buyer(ledger, other).seats("R-1-1")
    assert [zone.held for zone in await ledger.zone_counts(str(other))] == [1, 0]


async def test_every_refusal_is_an_error_of_the_ledger() -> None:
    for refusal in (BuyerLimit(1), HoldLost("h"), NotYours("x"), SeatsTaken(["a"]), SoldOut("R", 1), UnknownZone("Z")):
        assert isinstance(refusal, LedgerError)
