"""Applying an inventory: what may change in mid-sale and what may not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.eventually import eventually_async
from support.money import STALLS, STANDING, configuration, hall
from support.purchases import accepted

from ticketon_contract.config import Zone
from ticketon_contract.names import EventRef
from ticketon_ledger import (
    BuyerLimit,
    Hold,
    HoldLost,
    InventoryRefused,
    Ledger,
    PaymentState,
    SeatsTaken,
    ShownState,
    SoldOut,
    UnknownZone,
    settlement,
)
from ticketon_ledger.records import Pending


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


async def held(ledger: Ledger, event: EventRef, *seats: str, seconds: float = 60) -> Hold:
    return await ledger.hold_seats(
        str(event), buyer="ann", number=1, seats=seats, hold_seconds=seconds, max_per_buyer=4
    )


async def capacities(ledger: Ledger, event: EventRef) -> dict[str, int]:
    return {zone.zone: zone.capacity for zone in await ledger.zone_counts(str(event))}


async def test_applying_the_same_again_changes_nothing(ledger: Ledger, event: EventRef) -> None:
    hold = await held(ledger, event, "R-1-1")
    assert await ledger.apply_inventory(configuration(event)) == 70
    assert await ledger.hold(str(event), hold.id) == hold


async def test_a_zone_grows_and_another_opens_while_seats_are_held(ledger: Ledger, event: EventRef) -> None:
    await held(ledger, event, "R-1-1")
    zones = [STALLS.model_copy(update={"rows": 7}), STANDING, Zone(name="B", price=50_000, capacity=5)]
    assert await ledger.apply_inventory(configuration(event, zones, generation=2)) == 95
    assert await capacities(ledger, event) == {"R": 70, "GA": 20, "B": 5}
    assert [zone.held for zone in await ledger.zone_counts(str(event))] == [1, 0, 0]


async def test_a_new_price_is_for_free_seats_only(ledger: Ledger, event: EventRef) -> None:
    dear = await held(ledger, event, "R-1-1")
    zones = [STALLS.model_copy(update={"price": 99}), STANDING]
    await ledger.apply_inventory(configuration(event, zones, generation=2))
    assert (await held(ledger, event, "R-1-2")).amount == 99
    assert dear.amount == STALLS.price
    rows = await ledger.database.fetch("SELECT price FROM seat WHERE id = 'R-1-1'")
    assert rows[0]["price"] == STALLS.price


async def test_free_seats_go_and_the_version_of_the_map_does_not_fall(ledger: Ledger, event: EventRef) -> None:
    hold = await held(ledger, event, "R-5-1")
    await ledger.release(str(event), hold.id, buyer="ann")
    before = (await ledger.seat_map(str(event), "R")).version
    zones = [STALLS.model_copy(update={"rows": 4})]
    assert await ledger.apply_inventory(configuration(event, zones, generation=2)) == 40
    assert await capacities(ledger, event) == {"R": 40}
    assert (await ledger.seat_map(str(event), "R")).version > before
    with pytest.raises(UnknownZone):
        await ledger.seat_map(str(event), "GA")


async def test_held_seats_are_not_withdrawn_and_nothing_of_that_change_is_applied(
    ledger: Ledger, event: EventRef
) -> None:
    await held(ledger, event, "R-5-1")
    zones = [STALLS.model_copy(update={"rows": 4, "price": 1}), Zone(name="B", price=1, capacity=5)]
    with pytest.raises(InventoryRefused, match=r"zone R: R-5-1"):
        await ledger.apply_inventory(configuration(event, zones, generation=2))
    assert await capacities(ledger, event) == {"R": 50, "GA": 20}
    assert (await held(ledger, event, "R-1-1")).amount == STALLS.price


async def test_a_seat_whose_hold_ran_out_is_withdrawn_and_counted_back(ledger: Ledger, event: EventRef) -> None:
    await held(ledger, event, "R-5-1", "R-1-1", seconds=0.05)
    zones = [STALLS.model_copy(update={"rows": 4}), STANDING]

    async def applied() -> int:
        return await ledger.apply_inventory(configuration(event, zones, generation=2))

    assert await eventually_async(applied, within_seconds=5) == 60
    rows = await ledger.database.fetch("SELECT taken FROM buyer")
    assert [row["taken"] for row in rows] == [0]


async def test_the_currency_is_free_to_change_until_somebody_holds(ledger: Ledger, event: EventRef) -> None:
    await ledger.apply_inventory(configuration(event, generation=2, currency="EUR"))
    assert (await held(ledger, event, "R-1-1")).currency == "EUR"
    with pytest.raises(InventoryRefused, match="currency"):
        await ledger.apply_inventory(configuration(event, generation=3, currency="USD"))


async def test_a_zone_of_named_seats_becomes_general_admission_while_nobody_holds(
    ledger: Ledger, event: EventRef
) -> None:
    zones = [Zone(name="R", price=1, capacity=10), STANDING]
    assert await ledger.apply_inventory(configuration(event, zones, generation=2)) == 30
    assert await capacities(ledger, event) == {"R": 10, "GA": 20}


async def test_a_hold_that_ran_out_ends_when_its_seats_get_another_price(ledger: Ledger, event: EventRef) -> None:
    lapsed = await held(ledger, event, "R-1-1", seconds=0.05)

    async def run_out() -> bool:
        hold = await ledger.hold(str(event), lapsed.id)
        return hold is not None and hold.state == "expired"

    assert await eventually_async(run_out)
    zones = [STALLS.model_copy(update={"price": 99}), STANDING]
    await ledger.apply_inventory(configuration(event, zones, generation=2))
    with pytest.raises(HoldLost):
        await accepted(ledger, event, lapsed)
    assert (await held(ledger, event, "R-1-1")).amount == 99


async def sold(ledger: Ledger, event: EventRef, hold: Hold) -> None:
    move = settlement.Move(PaymentState.PAID, Pending.NOTHING, 0)
    lost = {"lost_state": PaymentState.REFUNDED, "lost_pending": Pending.REFUND}
    payment = await accepted(ledger, event, hold)
    assert await settlement.commit(ledger.database, payment, move, **lost) is settlement.Committed.WON  # type: ignore[arg-type]


async def shown(ledger: Ledger, event: EventRef, state: ShownState) -> set[str]:
    return {seat.id for seat in (await ledger.seat_map(str(event), "R")).seats if seat.state is state}


async def some(ledger: Ledger, event: EventRef, zone: str, buyer: str = "ann", quantity: int = 1) -> Hold:
    return await ledger.hold_quantity(
        str(event), buyer=buyer, number=1, zone=zone, quantity=quantity, hold_seconds=60, max_per_buyer=4
    )


async def test_seats_that_are_held_back_are_neither_offered_nor_held_and_come_back(
    ledger: Ledger, event: EventRef
) -> None:
    kept = STALLS.model_copy(update={"held_back": ["R-1", "R-2-1..2"]})
    assert await ledger.apply_inventory(configuration(event, [kept, STANDING], generation=2)) == 70
    names = {*(f"R-1-{seat}" for seat in range(1, 11)), "R-2-1", "R-2-2"}
    assert await shown(ledger, event, ShownState.WITHHELD) == names
    counts = (await ledger.zone_counts(str(event)))[0]
    assert (counts.free, counts.withheld, counts.capacity) == (38, 12, 50)
    with pytest.raises(SeatsTaken) as refusal:
        await held(ledger, event, "R-2-2", "R-2-3")
    assert refusal.value.seats == ["R-2-2"]
    bought = [await some(ledger, event, "R", f"b{n}", 4) for n in range(9)]
    assert names.isdisjoint(seat for hold in bought for seat in hold.seats)
    assert await ledger.inventory_in_force(str(event)) == ("KRW", [kept, STANDING])

    await ledger.apply_inventory(configuration(event, generation=3))
    assert await shown(ledger, event, ShownState.WITHHELD) == set()
    assert (await held(ledger, event, "R-2-2")).seats == ["R-2-2"]


async def test_a_seat_that_is_held_or_sold_cannot_be_held_back_and_is_named(ledger: Ledger, event: EventRef) -> None:
    await sold(ledger, event, await held(ledger, event, "R-1-4"))
    await held(ledger, event, "R-1-7")
    zones = [STALLS.model_copy(update={"held_back": ["R-1", "R-2"], "price": 1}), STANDING]
    with pytest.raises(InventoryRefused, match=r"held back \(zone R: R-1-4, R-1-7\)"):
        await ledger.apply_inventory(configuration(event, zones, generation=2))
    assert await shown(ledger, event, ShownState.WITHHELD) == set()
    assert (await held(ledger, event, "R-2-1")).amount == STALLS.price


async def test_a_zone_that_is_closed_sells_nothing_and_opens_in_mid_sale(ledger: Ledger, event: EventRef) -> None:
    gallery = Zone(name="G", price=7, rows=2, seats_per_row=5, open=False)
    floor = Zone(name="F", price=7, capacity=5, open=False)
    await ledger.apply_inventory(configuration(event, [STALLS, gallery, floor], generation=2))
    for zone in ("G", "F"):
        with pytest.raises(SoldOut):
            await some(ledger, event, zone)
    with pytest.raises(SeatsTaken):
        await held(ledger, event, "G-1-1")
    opened = [zone.model_copy(update={"open": True}) for zone in (gallery, floor)]
    await ledger.apply_inventory(configuration(event, [STALLS, *opened], generation=3))
    assert (await some(ledger, event, "G")).amount == (await some(ledger, event, "F")).amount == 7


async def test_closing_a_zone_leaves_what_is_held_and_sold_and_sells_nothing_that_comes_back(
    ledger: Ledger, event: EventRef
) -> None:
    mine = await held(ledger, event, "R-1-1")
    given_back = await held(ledger, event, "R-1-2")
    lapsing = await held(ledger, event, "R-1-3", seconds=0.05)
    closed = STALLS.model_copy(update={"open": False})
    await ledger.apply_inventory(configuration(event, [closed, STANDING], generation=2))
    await ledger.release(str(event), given_back.id, buyer="ann")

    async def run_out() -> bool:
        hold = await ledger.hold(str(event), lapsing.id)
        return hold is not None and hold.state == "expired"

    assert await eventually_async(run_out)
    for seat in ("R-1-2", "R-1-3", "R-1-4"):
        with pytest.raises(SeatsTaken):
            await held(ledger, event, seat)
    await sold(ledger, event, mine)
    assert await shown(ledger, event, ShownState.SOLD) == {"R-1-1"}
    assert len(await shown(ledger, event, ShownState.WITHHELD)) == 49


async def test_fewer_places_of_general_admission_are_those_that_nobody_has(ledger: Ledger, event: EventRef) -> None:
    holds = [await some(ledger, event, "GA", f"b{n}", 4) for n in range(3)]
    await ledger.apply_inventory(configuration(event, [STALLS, STANDING.model_copy(update={"capacity": 13})]))
    assert (await capacities(ledger, event))["GA"] == 13
    for hold in holds:
        assert await ledger.hold(str(event), hold.id) == hold
    with pytest.raises(InventoryRefused, match="zone GA: 12 places are held or sold"):
        await ledger.apply_inventory(configuration(event, [STALLS, STANDING.model_copy(update={"capacity": 11})]))
    await ledger.apply_inventory(configuration(event))
    assert (await capacities(ledger, event))["GA"] == 20


async def test_a_hold_keeps_its_price_and_its_seats_sell_at_the_new_one_once_they_are_back(
    ledger: Ledger, event: EventRef
) -> None:
    dear, given_back = await held(ledger, event, "R-1-1"), await held(ledger, event, "R-1-2")
    units = await some(ledger, event, "GA", "cat")
    zones = [STALLS.model_copy(update={"price": 99}), STANDING.model_copy(update={"price": 9})]
    await ledger.apply_inventory(configuration(event, zones, generation=2))
    await sold(ledger, event, dear)
    for hold in (given_back, units):
        await ledger.release(str(event), hold.id, buyer=hold.buyer)
    assert (await held(ledger, event, "R-1-2")).amount == 99
    assert (await some(ledger, event, "GA", "dan", 4)).amount == 36
    rows = await ledger.database.fetch("SELECT price FROM ticket")
    assert [row["price"] for row in rows] == [STALLS.price]


async def test_the_limit_of_a_buyer_acts_on_the_next_hold_and_takes_nothing_away(
    ledger: Ledger, event: EventRef
) -> None:
    async def hold(*seats: str, limit: int) -> Hold:
        return await ledger.hold_seats(
            str(event), buyer="ann", number=1, seats=seats, hold_seconds=60, max_per_buyer=limit
        )

    await sold(ledger, event, await hold("R-1-1", "R-1-2", limit=4))
    with pytest.raises(BuyerLimit):
        await hold("R-1-3", limit=2)
    assert await shown(ledger, event, ShownState.SOLD) == {"R-1-1", "R-1-2"}
    assert (await hold("R-1-3", "R-1-4", limit=4)).seats == ["R-1-3", "R-1-4"]


async def test_inventories_that_change_in_the_middle_of_a_rush_take_no_seat_from_anybody(
    ledger: Ledger, event: EventRef
) -> None:
    """Applied or refused, whole: while everybody holds, seats are held back, repriced, withdrawn and added."""
    plans = [
        [STALLS.model_copy(update={"held_back": ["R-1"], "price": 5}), STANDING],
        [STALLS.model_copy(update={"rows": 6}), STANDING.model_copy(update={"capacity": 18})],
        [STALLS.model_copy(update={"open": False, "rows": 6}), STANDING],
        [STALLS.model_copy(update={"rows": 5}), STANDING.model_copy(update={"capacity": 30})],
    ]

    async def organiser() -> None:
        for plan in plans:
            try:
                await ledger.apply_inventory(configuration(event, plan, generation=2))
            except InventoryRefused:
                continue

    async def buyer(n: int) -> Hold | None:
        try:
            return await some(ledger, event, "R" if n % 3 else "GA", f"b{n}", 1 + n % 3)
        except (SoldOut, SeatsTaken):
            return None

    _, *found = await asyncio.gather(organiser(), *(buyer(n) for n in range(60)))
    holds = [hold for hold in found if hold is not None]
    rows = await ledger.database.fetch("SELECT id, hold_id, price FROM seat WHERE state = 'held'")
    assert {row["id"]: row["hold_id"] for row in rows} == {seat: hold.id for hold in holds for seat in hold.seats}
    for hold in holds:
        assert sum(row["price"] for row in rows if row["hold_id"] == hold.id) == hold.amount
        assert hold == await ledger.hold(str(event), hold.id)
