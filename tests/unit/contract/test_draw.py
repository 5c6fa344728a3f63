"""The rules of the draw: the log's heads, the order, and that the published page's own words lead to the same."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.draw_by_the_page import places_by_the_page, root_by_the_page

from ticketon_contract.draw import commitment_of, entry_of, first_head, heads, no_places, place, places

EVENT = "shows/gala"
SECRET = bytes(range(32))
COMMITMENT = commitment_of(SECRET)
USERS = ["kim", "lee", "park", "choi", "jung"]
ENTRIES = [entry_of(EVENT, user) for user in USERS]
ROOT = heads(first_head(EVENT, COMMITMENT), ENTRIES)[-1]


def test_the_example_of_the_documentation_page_holds() -> None:
    assert COMMITMENT.hex() == "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"
    assert ENTRIES[0].hex() == "f32f811c6eeb9b6f50fef6d9c440f0e39a6bffe6dfb3dce4ba74c6242f959bb0"
    assert ROOT.hex() == "fa95f1771d15bc7dd700046445f318bf659e91933bc8bde8c6412de0276cde9a"
    assert list(places(SECRET, ROOT, len(USERS))) == [5, 3, 4, 2, 1]


@given(st.lists(st.text(min_size=1, max_size=10), unique=True, max_size=60), st.binary(min_size=32, max_size=32))
def test_an_implementation_written_from_the_page_agrees(users: list[str], secret: bytes) -> None:
    commitment = commitment_of(secret)
    entries = [entry_of(EVENT, user) for user in users]
    root = [first_head(EVENT, commitment), *heads(first_head(EVENT, commitment), entries)][-1]
    assert root_by_the_page(EVENT, commitment.hex(), [entry.hex() for entry in entries]) == root.hex()
    assert places_by_the_page(secret.hex(), root.hex(), len(users)) == list(places(secret, root, len(users)))


@given(st.integers(0, 300), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_everybody_gets_one_place_and_every_place_goes_to_somebody(arrivals: int, secret: bytes, root: bytes) -> None:
    assert sorted(places(secret, root, arrivals)) == list(range(1, arrivals + 1))


def test_places_are_worked_out_in_small_steps_and_are_the_same() -> None:
    found = no_places(20_000)
    steps = sum(1 for _ in place(SECRET, ROOT, found))
    assert steps >= 1_024 + 20
    assert found.tolist() == places_by_the_page(SECRET.hex(), ROOT.hex(), 20_000)


def test_appending_in_two_steps_is_appending_at_once() -> None:
    first = heads(first_head(EVENT, COMMITMENT), ENTRIES[:2])
    assert first + heads(first[-1], ENTRIES[2:]) == heads(first_head(EVENT, COMMITMENT), ENTRIES)


@pytest.mark.parametrize(
    "changed",
    [
        ENTRIES[:-1],
        [*ENTRIES[:2], *ENTRIES[3:]],
        [ENTRIES[1], ENTRIES[0], *ENTRIES[2:]],
        [*ENTRIES, entry_of(EVENT, "late")],
    ],
)
def test_a_log_that_was_changed_has_another_root(changed: list[bytes]) -> None:
    assert heads(first_head(EVENT, COMMITMENT), changed)[-1] != ROOT


def test_the_same_buyer_is_another_entry_at_another_event() -> None:
    assert entry_of("shows/gala", "kim") != entry_of("shows/other", "kim")


def test_arriving_early_brings_no_advantage() -> None:
    """Over a thousand draws of 50 the first arrival's mean place is the middle, as everybody's is."""
    firsts, lasts = [], []
    for number in range(1_000):
        drawn = places(number.to_bytes(32, "big"), ROOT, 50)
        firsts.append(drawn[0])
        lasts.append(drawn[-1])
    # One standard error of the mean of 1,000 places among 50 is 0.46; the draws are fixed, so this never flickers.
    assert abs(statistics.mean(firsts) - 25.5) < 1.5
    assert abs(statistics.mean(lasts) - 25.5) < 1.5
