"""Migrations against a real Postgres."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from support.money import configuration

from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger, LedgerUnavailable
from ticketon_ledger.errors import BadValue
from ticketon_ledger.migrate import differences, migrate


async def test_migrations_lead_to_the_schema_of_the_models(database_url: str) -> None:
    await migrate(database_url)
    assert await differences(database_url) == []


async def test_the_comparison_would_notice_a_missing_column_and_a_missing_index(database_url: str) -> None:
    await migrate(database_url)
    async with await Ledger.connect(database_url) as ledger:
        await ledger.database.fetch("ALTER TABLE seat DROP COLUMN revision")
        await ledger.database.fetch("DROP INDEX ticket_of_seat")
    assert {entry[0] for entry in await differences(database_url) if isinstance(entry, tuple)} == {
        "add_column",
        "add_index",
    }


async def test_migrating_twice_and_side_by_side_is_safe(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    await migrate(database_url)
    assert await differences(database_url) == []


async def test_without_postgres_the_error_says_so() -> None:
    with pytest.raises(LedgerUnavailable):
        await migrate("postgresql://ticketon@127.0.0.1:1/ticketon")


async def _job(event_file: Path, database_url: str, log: Path, command: str = "apply") -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ticketon_ledger",
        command,
        env={
            **os.environ,
            "TICKETON_POSTGRES_URL": database_url,
            "TICKETON_EVENT_FILE": str(event_file),
            "TICKETON_TERMINATION_LOG": str(log),
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def test_the_job_migrates_applies_and_leaves_its_result(
    database_url: str, event: EventRef, tmp_path: Path
) -> None:
    event_file, log = tmp_path / "event.json", tmp_path / "termination-log"
    event_file.write_text(configuration(event).model_dump_json())
    log.touch()
    assert await _job(event_file, database_url, log) == 0
    assert json.loads(log.read_text()) == {"result": "applied", "reason": "", "capacity": 70}
    async with await Ledger.connect(database_url) as ledger:
        await ledger.hold_seats(str(event), buyer="ann", number=1, seats=["R-5-10"], hold_seconds=60, max_per_buyer=1)
    shrunk = configuration(event, generation=2)
    zones = [shrunk.zones[0].model_copy(update={"rows": 4}), shrunk.zones[1]]
    event_file.write_text(shrunk.model_copy(update={"zones": zones}).model_dump_json())
    assert await _job(event_file, database_url, log) == 0
    result = json.loads(log.read_text())
    assert (result["result"], result["capacity"]) == ("refused", 70)
    assert "R-5-10" in result["reason"]
    assert result["currency"] == "KRW"
    assert [(zone["name"], zone.get("rows", 0)) for zone in result["zones"]] == [("R", 5), ("GA", 0)]


async def test_the_job_fails_for_a_retry_when_postgres_is_away(event: EventRef, tmp_path: Path) -> None:
    event_file, log = tmp_path / "event.json", tmp_path / "termination-log"
    event_file.write_text(configuration(event).model_dump_json())
    log.touch()
    assert await _job(event_file, "postgresql://ticketon@127.0.0.1:1/ticketon", log) == 1
    assert json.loads(log.read_text())["result"] == "failed"


async def test_a_url_with_options_serves_the_job_as_it_serves_the_servers(database_url: str) -> None:
    url = f"{database_url}?sslmode=prefer"
    await migrate(url)
    assert await differences(url) == []
    async with await Ledger.connect(url) as ledger:
        await ledger.ping()


@pytest.mark.parametrize("use", ["job", "server"])
async def test_a_url_that_cannot_be_read_is_told_without_its_password(use: str) -> None:
    url = "postgresql://ticketon:secret/part@127.0.0.1:5432/ticketon"

    async def connect() -> None:
        if use == "job":
            await migrate(url)
        else:
            async with await Ledger.connect(url) as ledger:
                await ledger.ping()

    with pytest.raises(LedgerUnavailable) as raised:
        await connect()
    assert "percent-encode" in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_text_that_postgres_cannot_hold_is_an_error_of_the_ledger(database_url: str) -> None:
    await migrate(database_url)
    async with await Ledger.connect(database_url) as ledger:
        with pytest.raises(BadValue):
            await ledger.hold("shows/gala", "a\x00b")
