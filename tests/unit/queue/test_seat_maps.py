"""The seat map as it is answered: whoever follows the changes has the map, whichever server answers."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ticketon_ledger import Cursor, SeatMap, SeatView, ShownState
from ticketon_queue.api.seat_maps import MOST_ANSWERS, SAME_SECONDS, ShownMap, later, parsed, written

SECOND = 1_000_000
NAMES = ["R-1-1", "R-1-2", "R-1-3", "R-2-1"]


def seat(name: str, state: ShownState = ShownState.FREE, *, by: int = 1, ran_out: int = 0) -> SeatView:
    _, row, number = name.split("-")
    return SeatView(name, int(row), int(number), state, revision=2 * by, changed=Cursor(by, ran_out))


def hall(*changed: SeatView, transaction: int = 10, at: int = 0, applied: int = 1) -> SeatMap:
    seats = {name: seat(name) for name in NAMES} | {one.id: one for one in changed}
    return SeatMap("R", Cursor(transaction, at), applied, 0, list(seats.values()))


def told(shown: ShownMap, since: Cursor | None = None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(shown.answer(since).body)
    return document


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert parsed(written(Cursor(730411, 17))) == Cursor(730411, 17)


def test_only_what_changed_is_told_and_what_ran_out() -> None:
    shown = ShownMap(
        hall(seat("R-1-2", ShownState.SOLD, by=9), seat("R-1-3", by=3, ran_out=4 * SECOND), at=5 * SECOND), listed=True
    )
    assert len(told(shown)["seats"]) == 4
    assert told(shown)["since"] is None
    since = Cursor(8, 2 * SECOND)
    assert [one["id"] for one in told(shown, since)["seats"]] == ["R-1-2", "R-1-3"]
    assert told(shown, since)["since"] == written(since)
    assert [one["id"] for one in told(shown, Cursor(8, 4 * SECOND))["seats"]] == ["R-1-2"]
    assert told(shown, Cursor(10, 5 * SECOND))["seats"] == []
    assert told(shown, since)["free"] == 3


def test_the_map_is_whole_for_who_was_away_or_saw_another_hall() -> None:
    shown = ShownMap(hall(transaction=50, at=1_000 * SECOND, applied=30), listed=True)
    for since in (Cursor(40, 800 * SECOND), Cursor(40, 2_000 * SECOND), Cursor(30, 999 * SECOND)):
        assert (told(shown, since)["since"], len(told(shown, since)["seats"])) == (None, 4)
    assert told(shown, Cursor(31, 999 * SECOND))["since"] is not None


def test_a_server_that_is_behind_a_cursor_leaves_it_where_it_is() -> None:
    behind = ShownMap(hall(seat("R-1-1", ShownState.HELD, by=9), transaction=10, at=SECOND), listed=True)
    ahead = Cursor(12, 2 * SECOND)
    assert told(behind, ahead)["cursor"] == written(ahead)
    assert told(behind, ahead)["seats"] == []


def test_what_told_nothing_new_is_the_same_answer_until_its_cursor_grows_old() -> None:
    shown = later(None, hall(), listed=True)
    nothing = SeatMap("R", Cursor(11, SECOND), 1, 0, [], whole=False)
    assert later(shown, nothing, listed=True) is shown
    old = SeatMap("R", Cursor(11, SAME_SECONDS * SECOND), 1, 0, [], whole=False)
    assert later(shown, old, listed=True).map.cursor == old.cursor
    assert told(later(shown, old, listed=True))["seats"] == told(shown)["seats"]


def test_every_server_tags_the_same_map_alike_and_another_one_otherwise() -> None:
    one, other = ShownMap(hall(at=1), listed=True), ShownMap(hall(at=2), listed=True)
    assert one.answer(None).tag == other.answer(None).tag
    for changed in (hall(seat("R-1-1", by=7)), hall(applied=2)):
        assert ShownMap(changed, listed=True).answer(None).tag != one.answer(None).tag


def test_invented_cursors_fill_no_memory() -> None:
    shown = ShownMap(hall(), listed=True)
    answers = {id(shown.answer(Cursor(2 + n, 0))) for n in range(3 * MOST_ANSWERS)}
    assert len(answers) > MOST_ANSWERS
    assert len(shown._answers) <= MOST_ANSWERS


def test_general_admission_tells_counts_alone() -> None:
    shown = ShownMap(hall(seat("R-1-1", ShownState.SOLD)), listed=False)
    assert (told(shown)["seats"], told(shown)["free"]) == ([], 3)


@given(data=st.data())
def test_whoever_follows_the_changes_over_any_servers_has_the_map(data: st.DataObject) -> None:
    """Servers read at moments of their own, and are behind one another by up to a few readings."""
    states = dict.fromkeys(NAMES, ShownState.FREE)
    written_by = dict.fromkeys(NAMES, 1)
    history: list[SeatMap] = []
    client: dict[str, str] = {}
    since: Cursor | None = None
    transaction = 2
    for step in range(1, 12):
        for name in data.draw(st.sets(st.sampled_from(NAMES))):
            states[name] = data.draw(st.sampled_from(list(ShownState)))
            written_by[name] = transaction
            transaction += 1
        now = hall(
            *(seat(name, state, by=written_by[name]) for name, state in states.items()),
            transaction=transaction,
            at=step * SECOND,
        )
        history.append(now)
        answering = ShownMap(data.draw(st.sampled_from(history[-3:])), listed=True)
        answer = told(answering, since)
        client.update((one["id"], one["state"]) for one in answer["seats"])
        since = parsed(answer["cursor"])
    last = told(ShownMap(history[-1], listed=True), since)
    client.update((one["id"], one["state"]) for one in last["seats"])
    assert client == states
