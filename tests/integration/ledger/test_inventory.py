"""Applying an inventory: what may change in mid-sale and what may not."""

from collections.abc import AsyncIterator

import pytest
from support.eventually import eventually_async
from support.money import STALLS, STANDING, configuration, hall

from ticketon_contract.config import Zone
from ticketon_contract.names import EventRef
from ticketon_ledger import Hold, HoldLost, InventoryRefused, Ledger, UnknownZone, payments


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
        await payments.accept(
            ledger.database,
            str(event),
            hold_id=lapsed.id,
            buyer="ann",
            idempotency_key="k",
            body_hash="",
            method_type="card",
            method_token="tok_ok",
            protocol="TwoPhase",
            take_over_seconds=60,
        )
    assert (await held(ledger, event, "R-1-1")).amount == 99
