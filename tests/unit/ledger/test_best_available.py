"""Which seats lie best together: the rule as a table, and as properties against trying everything."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_ledger.best_available import FreeSeat, FreeSeats


def row(picture: str, number: int = 1) -> list[FreeSeat]:
    """``.`` is a free seat, anything else a taken one."""
    return [FreeSeat(f"{number}-{n}", number, n) for n, mark in enumerate(picture, 1) if mark == "."]


@pytest.mark.parametrize(
    ("pictures", "quantity", "expected"),
    [
        pytest.param(["....."], 1, ["1-3"], id="the middle of an empty row"),
        pytest.param(["......"], 2, ["1-3", "1-4"], id="two in the middle"),
        pytest.param(["....."], 4, ["1-1", "1-2", "1-3", "1-4"], id="a single is left where it cannot be avoided"),
        pytest.param(["...", "xxx"], 2, ["1-1", "1-2"], id="and then in front"),
        pytest.param(["...xxx", "......"], 2, ["2-3", "2-4"], id="the next row, where no single is left alone"),
        pytest.param(["xx..x..x"], 2, ["1-3", "1-4"], id="whole gaps are filled, the one nearer the middle first"),
        pytest.param([".x.x.", "..."], 3, ["2-1", "2-2", "2-3"], id="together rather than in front"),
        pytest.param(["..xx", "...x"], 3, ["2-1", "2-2", "2-3"], id="in one row"),
    ],
)
def test_the_best_place(pictures: list[str], quantity: int, expected: list[str]) -> None:
    free = [seat for number, picture in enumerate(pictures, 1) for seat in row(picture, number)]
    found = FreeSeats(free, seats_per_row=len(pictures[0])).together(quantity)[0]
    assert found == expected


def test_nowhere_together() -> None:
    assert FreeSeats(row(".x.x."), seats_per_row=5).together(2) == []


def test_a_party_that_fits_nowhere_is_seated_in_as_few_pieces_as_possible() -> None:
    assert FreeSeats(row("..x...x."), seats_per_row=8).scattered(4) == ["1-4", "1-5", "1-6", "1-8"]
    assert FreeSeats(row("..x..."), seats_per_row=6).scattered(4) == ["1-4", "1-5", "1-6", "1-1"]
    assert FreeSeats(row("..x."), seats_per_row=4).scattered(4) == []


halls = st.lists(st.text(alphabet=".x", min_size=8, max_size=8), min_size=1, max_size=4)


@given(pictures=halls, quantity=st.integers(1, 5))
def test_every_place_is_that_many_free_neighbours_of_one_row(pictures: list[str], quantity: int) -> None:
    free = [seat for number, picture in enumerate(pictures, 1) for seat in row(picture, number)]
    ids = {seat.id for seat in free}
    for place in FreeSeats(free, seats_per_row=8).together(quantity, most=99):
        assert set(place) <= ids
        rows = {seat.split("-")[0] for seat in place}
        numbers = [int(seat.split("-")[1]) for seat in place]
        assert len(rows) == 1
        assert numbers == list(range(numbers[0], numbers[0] + quantity))


@given(pictures=halls, quantity=st.integers(1, 5))
def test_a_place_is_found_whenever_there_are_enough_seats(pictures: list[str], quantity: int) -> None:
    free = [seat for number, picture in enumerate(pictures, 1) for seat in row(picture, number)]
    chosen = FreeSeats(free, seats_per_row=8).scattered(quantity)
    assert len(set(chosen)) == (quantity if len(free) >= quantity else 0)
    assert set(chosen) <= {seat.id for seat in free}


@given(pictures=halls, parties=st.lists(st.integers(1, 4), max_size=12))
def test_party_after_party_gets_what_a_fresh_look_would_give(pictures: list[str], parties: list[int]) -> None:
    """What is remembered of rows is forgotten when they change."""
    free = [seat for number, picture in enumerate(pictures, 1) for seat in row(picture, number)]
    remembered = FreeSeats(free, seats_per_row=8)
    for quantity in parties:
        places = remembered.together(quantity)
        assert places == FreeSeats(free, seats_per_row=8).together(quantity)
        for place in places:
            remembered.remove(place)
            free = [seat for seat in free if seat.id not in place]
    assert len(remembered) == len(free)


# --- the rule, by trying everything

small_halls = st.lists(st.text(alphabet=".x", min_size=5, max_size=5), min_size=1, max_size=2)
Taken = frozenset[tuple[int, int]]


def places_of(pictures: list[str]) -> Taken:
    return frozenset((row, n) for row, line in enumerate(pictures, 1) for n, mark in enumerate(line, 1) if mark == ".")


def pieces(chosen: Taken) -> int:
    """Groups of neighbours."""
    return sum((row, number - 1) not in chosen for row, number in chosen)


def alone(free: Taken) -> Taken:
    return frozenset((row, n) for row, n in free if not {(row, n - 1), (row, n + 1)} & free)


def singles_made(free: Taken, chosen: Taken) -> int:
    return len(alone(free - chosen) - alone(free))


def seated(names: list[str]) -> Taken:
    return frozenset((int(row), int(number)) for row, number in (name.split("-") for name in names))


@given(pictures=small_halls, quantity=st.integers(1, 4))
def test_of_all_places_together_the_best_by_the_rule_is_found(pictures: list[str], quantity: int) -> None:
    free = places_of(pictures)
    every = [frozenset(chosen) for chosen in combinations(sorted(free), quantity)]
    together = [chosen for chosen in every if pieces(chosen) == 1]

    def rule(chosen: Taken) -> tuple[int, int, float, int]:
        numbers = [number for _, number in chosen]
        off_middle = abs(sum(numbers) / quantity - 3)
        return singles_made(free, chosen), min(row for row, _ in chosen), off_middle, min(numbers)

    seats = FreeSeats([seat for n, line in enumerate(pictures, 1) for seat in row(line, n)], seats_per_row=5)
    found = seats.together(quantity)
    assert [seated(place) for place in found] == [min(together, key=rule)] if together else found == []


@given(pictures=small_halls, quantity=st.integers(1, 5))
def test_a_party_is_split_only_where_it_has_to_be_and_no_more_than_it_has_to_be(
    pictures: list[str], quantity: int
) -> None:
    free = places_of(pictures)
    seats = FreeSeats([seat for n, line in enumerate(pictures, 1) for seat in row(line, n)], seats_per_row=5)
    chosen = seated(seats.scattered(quantity))
    if len(free) < quantity:
        assert chosen == frozenset()
        return
    assert chosen <= free
    assert len(chosen) == quantity
    assert pieces(chosen) == min(pieces(frozenset(other)) for other in combinations(sorted(free), quantity))
    assert (pieces(chosen) == 1) == bool(seats.together(quantity))
