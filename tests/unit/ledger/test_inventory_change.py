"""What an inventory changes of the seats that there are, as a table; and how seats that are held back are named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract.config import Zone
from ticketon_ledger import InventoryRefused
from ticketon_ledger.held_back import held_back
from ticketon_ledger.inventory_change import Present, changes


def stalls(**values: Any) -> Zone:
    return Zone(**{"name": "R", "price": 5, "rows": 3, "seats_per_row": 4} | values)


def standing(capacity: int, **values: Any) -> Zone:
    return Zone(name="GA", price=3, capacity=capacity, **values)


def present(*zones: Zone) -> list[Present]:
    """What there is once these zones were applied to an empty hall."""
    return [Present(unit.id, unit.zone, unit.number, unit.price, unit.withheld) for unit in changes(zones, []).added]


@pytest.mark.parametrize(
    ("named", "seats"),
    [
        ("R-3-4", ["R-3-4"]),
        ("R-3-2..4", ["R-3-2", "R-3-3", "R-3-4"]),
        ("R-2", ["R-2-1", "R-2-2", "R-2-3", "R-2-4"]),
        ("R-1..2", [f"R-{row}-{seat}" for row in (1, 2) for seat in (1, 2, 3, 4)]),
    ],
)
def test_rows_and_seats_are_named_alone_and_in_ranges(named: str, seats: list[str]) -> None:
    assert sorted(held_back(stalls(held_back=[named]))) == seats


@pytest.mark.parametrize("named", ["R-4", "R-0", "R-1-5", "R-4-1", "R-0-1", "R-1-3..5", "R-1-3..2", "S-1", "R", "R-٣"])
def test_what_the_zone_does_not_have_is_refused_with_what_it_has(named: str) -> None:
    with pytest.raises(InventoryRefused, match=r"zone R: heldBack names .* rows 1 to 3 of 4 seats"):
        held_back(stalls(held_back=[named]))


def test_places_without_seats_have_none_to_hold_back() -> None:
    with pytest.raises(InventoryRefused, match="lower its capacity"):
        changes([standing(5, held_back=["GA-1"])], [])


def test_the_same_zones_change_nothing() -> None:
    zones = [stalls(held_back=["R-1"]), standing(5), Zone(name="B", price=1, capacity=2, open=False)]
    change = changes(zones, present(*zones))
    assert (change.added, change.gone, change.repriced, change.withheld, change.offered) == ([], {}, {}, [], [])
    assert change.withdrawn(taken=set()) == []


def test_seats_are_held_back_and_given_back_by_name() -> None:
    change = changes([stalls(held_back=["R-1-2..3"])], present(stalls(held_back=["R-1-1..2"])))
    assert (change.withheld, change.offered) == (["R-1-3"], ["R-1-1"])
    assert set(change.held_back) == {"R-1-2", "R-1-3"}


def test_a_zone_opens_but_for_what_is_held_back() -> None:
    change = changes([stalls(rows=1, held_back=["R-1-1"])], present(stalls(rows=1, open=False)))
    assert change.offered == ["R-1-2", "R-1-3", "R-1-4"]
    assert change.withdrawn(taken={"R-1-2"}) == [], "what is sold in a zone stays sold when it opens or closes"


def test_a_seat_that_somebody_has_is_neither_held_back_nor_withdrawn() -> None:
    change = changes([stalls(rows=2, held_back=["R-1"])], present(stalls()))
    with pytest.raises(InventoryRefused, match=r"held back \(zone R: R-1-3\): take them out of heldBack"):
        change.withdrawn(taken={"R-1-3", "R-2-1"})
    with pytest.raises(InventoryRefused, match=r"withdrawn \(zone R: R-3-1\): add them"):
        change.withdrawn(taken={"R-3-1"})


@given(before=st.integers(1, 12), after=st.integers(1, 12), data=st.data())
def test_of_places_without_seats_those_go_that_nobody_has(before: int, after: int, data: st.DataObject) -> None:
    there = present(standing(before))
    taken = data.draw(st.sets(st.sampled_from([one.id for one in there])))
    change = changes([standing(after)], there)
    if len(taken) > after:
        with pytest.raises(InventoryRefused, match=f"{len(taken)} places are held or sold"):
            change.withdrawn(taken=taken)
        return
    left = {one.id for one in there} - set(change.withdrawn(taken=taken)) | {unit.id for unit in change.added}
    assert taken <= left
    assert len(left) == after
    again = changes([standing(after)], [Present(seat, "GA", int(seat[3:]), 3, withheld=False) for seat in left])
    assert (again.added, again.withdrawn(taken=set())) == ([], [])
