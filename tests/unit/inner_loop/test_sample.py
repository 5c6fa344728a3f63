"""The event of the inner loop can be bought as it is, keeps what was edited, and its keys stay over restarts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import Identity, Signer
from ticketon_dev.errors import SetupError
from ticketon_dev.inner_loop.loop import write_event
from ticketon_dev.inner_loop.programs import Folder
from ticketon_dev.inner_loop.sample import Ports

PORTS = Ports(8080)


def test_it_is_on_sale_at_once(tmp_path: Path) -> None:
    event = write_event(Folder(tmp_path), PORTS)

    assert event.on_sale(datetime.now(UTC))
    assert event.capacity == 1000


def test_what_was_edited_stays_and_only_addresses_follow_the_ports(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    edited = write_event(folder, PORTS).model_copy(update={"title": "Another"})
    folder.event.write_text(edited.model_dump_json())

    write_event(folder, Ports(9000))

    event = EventConfig.model_validate_json(folder.event.read_text())
    assert event.title == "Another"
    assert event.opens_at == edited.opens_at
    assert event.base_url == "http://localhost:9000"
    assert event.payments.base_url == "http://localhost:9001"
    assert event.payments.provider.url == "http://127.0.0.1:9002"


def test_tokens_of_an_earlier_run_are_honoured(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    write_event(folder, PORTS)
    token = Signer(KeyRing.model_validate_json(folder.keys.read_text())).sign(Identity(user="u"))

    write_event(folder, PORTS)

    again = Signer(KeyRing.model_validate_json(folder.keys.read_text()))
    assert again.verify(token, Identity, now=0).user == "u"


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    write_event(folder, PORTS)

    assert folder.keys.stat().st_mode & 0o077 == 0
    assert folder.root_secret.stat().st_mode & 0o077 == 0


def test_a_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.event.write_text(write_event(folder, PORTS).model_dump_json().replace('"KRW"', "7"))

    with pytest.raises(SetupError, match=r"event\.json: currency: .*--fresh"):
        write_event(folder, PORTS)
