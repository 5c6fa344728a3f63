"""Which programs a changed file starts anew, and what they are told."""

import itertools
from pathlib import Path

import pytest

from ticketon_dev.inner_loop.programs import Folder, ledger_apply, servers, touched, watched
from ticketon_dev.inner_loop.sample import Ports

CHECKOUT = Path("/checkout")
FOLDER = Folder(Path("/data"))
LEDGER = ledger_apply(CHECKOUT, FOLDER, {})
SERVERS = servers(CHECKOUT, FOLDER, Ports(8080), {"TICKETON_REDIS_URL": "redis://127.0.0.1:1/0"})


@pytest.mark.parametrize(
    ("file", "restarted"),
    [
        ("services/queue_server/src/ticketon_queue/line.py", ["queue"]),
        ("services/payment_server/src/ticketon_payments/intake.py", ["payments"]),
        ("services/contract/src/ticketon_contract/tokens.py", ["queue", "payments"]),
        ("services/http/src/ticketon_http/guard.py", ["queue", "payments"]),
        ("services/ledger/src/ticketon_ledger/tables.py", ["ledger", "queue", "payments"]),
        ("dev/src/ticketon_dev/provider/app.py", ["provider"]),
        ("dev/src/ticketon_dev/crowd/judge.py", []),
        ("README.md", []),
    ],
)
def test_a_change_restarts_what_depends_on_it(file: str, restarted: list[str]) -> None:
    affected = touched([LEDGER, *SERVERS], [CHECKOUT / file])

    assert [program.name for program in affected] == restarted


def test_an_edited_event_is_applied_and_read_anew() -> None:
    affected = touched([LEDGER, *SERVERS], [FOLDER.event])

    assert [program.name for program in affected] == ["ledger", "queue", "payments"]


def test_what_a_program_writes_into_the_folder_restarts_nothing() -> None:
    assert touched([LEDGER, *SERVERS], [FOLDER.books, FOLDER.stores / "redis" / "server.log"]) == ()


def test_every_place_of_code_is_watched_once() -> None:
    places = watched([LEDGER, *SERVERS])

    assert len(places) == len(set(places))
    assert CHECKOUT / "services" / "ledger" / "src" in places
    assert FOLDER.event.parent in places
    assert not any(FOLDER.stores.is_relative_to(place) for place in places)


def test_servers_get_the_stores_and_ports_of_their_own() -> None:
    ports = [
        program.environment[variable]
        for program in SERVERS
        for variable in ("TICKETON_HTTP_PORT", "TICKETON_METRICS_PORT")
        if variable in program.environment
    ]

    assert len(ports) == len(set(ports)) == 4
    assert all(program.environment["TICKETON_REDIS_URL"] for program in SERVERS if program.name != "provider")


def test_the_ports_are_apart() -> None:
    assert all(one != other for one, other in itertools.combinations(Ports(8080).all, 2))
