"""Names that parts agree on, and the catalogue of problems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract import connections
from ticketon_contract.names import MAX_EVENT_NAME, EventRef
from ticketon_contract.problems import TYPE_BASE, Problem, ProblemError

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)


@given(LABEL, LABEL)
def test_an_event_is_read_back_from_its_text(namespace: str, name: str) -> None:
    ref = EventRef(namespace, name)
    assert EventRef.parse(str(ref)) == ref


@pytest.mark.parametrize("text", ["", "gala", "/gala", "shows/", "a/b/c"])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="namespace/name"):
        EventRef.parse(text)


def test_all_keys_of_an_event_lie_in_one_slot_of_a_cluster() -> None:
    ref = EventRef("shows", "gala")
    keys = [ref.redis_key("state"), ref.live_config_key, ref.slots_key, ref.line_summary_key, ref.payments_summary_key]
    assert {key[key.index("{") : key.index("}") + 1] for key in keys} == {"{shows/gala}"}
    assert len(set(keys)) == len(keys)


def test_the_longest_name_fits_every_object() -> None:
    ref = EventRef("shows", "x" * MAX_EVENT_NAME)
    objects = [ref.queue, ref.payments, ref.payments_headless, ref.config, ref.keys, ref.connections]
    assert all(len(name) <= 63 for name in [*objects, f"{ref.ledger_job}-{'0' * 10}"])


def test_cookies_of_different_events_differ() -> None:
    cookies = {EventRef(namespace, name).cookie for namespace in ("a", "b") for name in ("c", "d")}
    assert len(cookies) == 4
    assert all(cookie.startswith("__Host-") for cookie in cookies)


def test_every_problem_has_a_type_and_a_status_of_its_own_kind() -> None:
    assert len({problem.type for problem in Problem}) == len(Problem)
    assert all(problem.type.startswith(TYPE_BASE) and 400 <= problem.status < 600 for problem in Problem)


def test_a_problems_document_has_its_extras_and_when_to_come_back() -> None:
    error = ProblemError(Problem.SEATS_TAKEN, "choose others", {"seats": ["R-1-1"]}, retry_after_seconds=3)
    assert error.document() == {
        "type": f"{TYPE_BASE}seats-taken",
        "title": "Some of the seats are taken",
        "status": 409,
        "detail": "choose others",
        "seats": ["R-1-1"],
        "retry_after_seconds": 3,
    }


def test_a_missing_connection_says_which_key_of_the_secret_gives_it() -> None:
    with pytest.raises(connections.MissingConnectionError, match=r"TICKETON_REDIS_URL.*redis-url"):
        connections.redis_url({"TICKETON_REDIS_URL": ""})
    assert connections.postgres_url({"TICKETON_POSTGRES_URL": "postgresql://p"}) == "postgresql://p"


def test_kafkas_password_is_not_shown() -> None:
    kafka = connections.kafka({"TICKETON_KAFKA_BOOTSTRAP_SERVERS": "k:9092", "TICKETON_KAFKA_PASSWORD": "hunter2"})
    assert "hunter2" not in repr(kafka)
    assert kafka.password is not None
    assert kafka.password.get_secret_value() == "hunter2"
