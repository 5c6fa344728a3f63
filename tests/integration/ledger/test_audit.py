"""The audit against a real Postgres: clean records pass, and each corruption is found under its number."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from support.money import configuration, hall
from support.purchases import bought, held, paying

from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger, Payment, PaymentState, Pending, commands, payments, settlement
from ticketon_ledger.audit import AUDIT_SECONDS, Finding, audit
from ticketon_ledger.audit_books import Entry
from ticketon_ledger.database import Transaction
from ticketon_ledger.settlement import Move


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


def entry(payment: Payment, *, captured: int | None = None, refunded: int = 0) -> Entry:
    return Entry(
        payment.id, payment.amount, payment.currency, payment.amount if captured is None else captured, refunded
    )


@pytest.fixture
async def sold(ledger: Ledger, event: EventRef) -> list[Payment]:
    """A sale with one of everything: paid orders, a hold, a payment under way, a declined one."""
    await held(ledger, event, "dan", "R-3-1")
    await paying(ledger, event, "eve", "R-4-1")
    declined = await paying(ledger, event, "fay", "R-4-2")
    assert await settlement.give_back(ledger.database, declined, Move(PaymentState.DECLINED, Pending.NOTHING, 0))
    return [
        await bought(ledger, event, "ann", "R-1-1", "R-1-2"),
        await bought(ledger, event, "ben", "R-1-3"),
        await bought(ledger, event, "cat", "GA-1"),
    ]


async def broken(ledger: Ledger, entries: Sequence[Entry] | None = None) -> set[str]:
    async def read() -> Sequence[Entry]:
        return entries or ()

    findings = await audit(ledger.database, read_books=None if entries is None else read)
    return {finding.invariant for finding in findings if not finding.ok}


async def test_a_sale_that_went_well_is_clean(ledger: Ledger, sold: list[Payment]) -> None:
    findings: list[Finding] = await audit(ledger.database)
    assert {finding.invariant for finding in findings} == {"1", "2", "3", "4", "5", "6", "15"}
    assert [finding.broken for finding in findings if not finding.ok] == []
    assert sum(finding.checked for finding in findings) > 50
    assert await broken(ledger, [entry(payment) for payment in sold]) == set()


async def test_seats_of_a_hold_that_ran_out_are_clean_also_when_the_clock_is_set_back_afterwards(
    ledger: Ledger, sold: list[Payment], event: EventRef
) -> None:
    await held(ledger, event, "gil", "R-5-1", "R-5-2")
    # As a clock leaves it that was a minute ahead when the hold ended.
    await ledger.database.fetch("UPDATE seat SET expires_at = now() + interval '50 s' WHERE id LIKE 'R-5-%'")
    await ledger.database.fetch(
        "UPDATE seat_hold SET state = 'expired', expires_at = now() + interval '50 s', "
        "ended_at = now() + interval '1 min' WHERE buyer = 'gil'"
    )
    await ledger.database.fetch("UPDATE buyer SET taken = 0 WHERE buyer = 'gil'")
    assert await broken(ledger, [entry(payment) for payment in sold]) == set()


async def test_a_connection_that_waits_for_another_ones_statement_keeps_its_snapshot(ledger: Ledger) -> None:
    async def allowed(transaction: Transaction) -> str:
        row = await transaction.fetchrow("SELECT current_setting('idle_in_transaction_session_timeout') AS allowed")
        assert row is not None
        return str(row["allowed"])

    assert await ledger.database.in_snapshot([allowed] * 3, at_once=2, seconds=AUDIT_SECONDS) == ["5min"] * 3


async def test_an_empty_database_is_clean(ledger: Ledger) -> None:
    assert await broken(ledger, []) == set()


_TICKET = "INSERT INTO ticket SELECT 'forged', event, order_id, {seat}, zone, price, 'valid' FROM ticket LIMIT 1"
CORRUPTIONS = [
    pytest.param("1", ["DROP INDEX ticket_of_seat", _TICKET.format(seat="seat")], id="two tickets for a seat"),
    pytest.param("1", [_TICKET.format(seat="'R-5-5'")], id="a ticket for a free seat"),
    pytest.param("1", [_TICKET.format(seat="'R-99-99'")], id="a ticket for no seat"),
    pytest.param("1", ["DELETE FROM ticket WHERE seat = 'R-1-1'"], id="a sold seat without a ticket"),
    pytest.param("1", ["UPDATE seat SET state = 'free', hold_id = NULL WHERE id = 'R-1-1'"], id="a sold seat freed"),
    pytest.param("1", ["UPDATE seat SET hold_id = 'nobody' WHERE id = 'R-1-1'"], id="a seat of another hold"),
    pytest.param(
        "1",
        ["UPDATE seat SET state = 'held', expires_at = now() + interval '1 h' WHERE state = 'paying'"],
        id="expiry took a paying seat",
    ),
    pytest.param(
        "1", ["UPDATE seat_hold SET state = 'released' WHERE state = 'held'"], id="a hold ended, its seat not"
    ),
    pytest.param(
        "1",
        ["UPDATE seat_hold SET state = 'expired', ended_at = now() WHERE state = 'held'"],
        id="a hold ended before its time, its seat not",
    ),
    pytest.param("2", ["DELETE FROM seat WHERE id = 'R-5-5'"], id="a seat vanished"),
    pytest.param(
        "2",
        ["INSERT INTO seat (event, id, zone) SELECT event, 'R-9-9', 'R' FROM zone WHERE name = 'R'"],
        id="a seat from nowhere",
    ),
    pytest.param("3", ["UPDATE orders SET amount = amount + 1"], id="an order of another price"),
    pytest.param("3", ["UPDATE ticket SET price = price - 1"], id="tickets that do not add up"),
    pytest.param("4", ["UPDATE orders SET state = 'voided' WHERE buyer = 'ann'"], id="charged, and the order void"),
    pytest.param("4", ["UPDATE ticket SET state = 'void' WHERE seat = 'GA-1'"], id="charged, and the ticket void"),
    pytest.param(
        "4", ["UPDATE payment SET accepted_at = now() - interval '2 h' WHERE state = 'accepted'"], id="never settled"
    ),
    pytest.param("5", ["UPDATE payment SET captured = 0 WHERE buyer = 'ann'"], id="valid without a capture"),
    pytest.param("5", ["UPDATE orders SET state = 'reserved' WHERE buyer = 'ann'"], id="valid before it was paid"),
    pytest.param("5", ["UPDATE payment SET state = 'voided' WHERE buyer = 'ann'"], id="valid, and the money let go"),
    pytest.param("6", ["UPDATE payment SET generation = generation - 1 WHERE buyer = 'ann'"], id="an old attempt won"),
    pytest.param("6", ["UPDATE seat_hold SET state = 'expired' WHERE buyer = 'ann'"], id="a lost hold was sold"),
    pytest.param("6", ["UPDATE payment SET state = 'declined' WHERE buyer = 'ann'"], id="a declined payment bought"),
    pytest.param(
        "6",
        ["UPDATE payment SET state = 'declined', pending = 'nothing' WHERE buyer = 'eve'"],
        id="a paying hold that nobody will settle",
    ),
    pytest.param("15", ["UPDATE buyer SET taken = taken - 1 WHERE buyer = 'ann'"], id="counted too low"),
    pytest.param("15", ["DELETE FROM buyer WHERE buyer = 'ben'"], id="not counted at all"),
    pytest.param("15", ["UPDATE seat_hold SET buyer_limit = 1"], id="more than the limit"),
]


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(("invariant", "statements"), CORRUPTIONS)
async def test_a_corruption_is_found_under_its_number(ledger: Ledger, invariant: str, statements: list[str]) -> None:
    for statement in statements:
        await ledger.database.fetch(statement)
    assert invariant in await broken(ledger)


async def test_the_books_tell_who_was_charged_twice_or_too_much(ledger: Ledger, sold: list[Payment]) -> None:
    good = [entry(payment) for payment in sold]
    assert await broken(ledger, [*good, good[0]]) == {"3"}
    assert await broken(ledger, [entry(sold[0], captured=sold[0].amount + 1), *good[1:]]) == {"3"}


async def test_the_books_tell_who_was_charged_for_nothing(ledger: Ledger, event: EventRef, sold: list[Payment]) -> None:
    good = [entry(payment) for payment in sold]
    rows = await ledger.database.fetch("SELECT id FROM payment WHERE state = 'declined'")
    declined = await payments.payment(ledger.database, str(event), rows[0]["id"])
    assert declined is not None
    assert await broken(ledger, [*good, entry(declined)]) == {"4"}
    assert await broken(ledger, [*good, entry(declined, refunded=declined.amount)]) == set()
    assert await broken(ledger, [*good, Entry("stranger", 5, "KRW", 5, 0)]) == {"4"}


async def test_the_books_tell_whose_order_was_never_charged(ledger: Ledger, sold: list[Payment]) -> None:
    assert await broken(ledger, [entry(payment) for payment in sold[1:]]) == {"5"}


async def test_a_charge_under_way_is_not_broken(ledger: Ledger, event: EventRef, sold: list[Payment]) -> None:
    rows = await ledger.database.fetch("SELECT id FROM payment WHERE state = 'accepted'")
    under_way = await payments.payment(ledger.database, str(event), rows[0]["id"])
    assert under_way is not None
    assert await broken(ledger, [*(entry(payment) for payment in sold), entry(under_way)]) == set()


def _run(module: str, *arguments: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, "audit", *arguments],
        env={**os.environ, "TICKETON_POSTGRES_URL": url},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("module", ["ticketon_ledger", "ticketon_cli"])
async def test_the_command_prints_a_table_and_exits_non_zero_when_broken(
    ledger: Ledger, event: EventRef, database_url: str, module: str
) -> None:
    clean = _run(module, url=database_url)
    assert (clean.returncode, clean.stdout.splitlines()[-1]) == (0, "every invariant holds (1, 2, 3, 4, 5, 6, 15)")
    await ledger.database.fetch("UPDATE buyer SET taken = 0 WHERE buyer = 'ann'")
    table = _run(module, "--event", str(event), url=database_url)
    assert table.returncode == 1
    assert table.stdout.splitlines()[-1] == "BROKEN: invariant 15"
    assert "ann: counted 0, has 2" in table.stdout
    document = json.loads(_run(module, "--json", url=database_url).stdout)
    assert not document["ok"]
    assert [one["offending"] for one in document["findings"] if not one["ok"]] == [["ann: counted 0, has 2"]]
    other = _run(module, "--event", "shows/another", url=database_url)
    assert other.returncode == 0


@pytest.mark.usefixtures("sold")
async def test_a_summary_of_what_is_broken_is_left_for_kubernetes(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "termination-log"
    arguments = ["audit", "--summary", str(file)]
    environ = {"TICKETON_POSTGRES_URL": database_url}
    assert await asyncio.to_thread(commands.main, arguments, environ) == 0
    assert json.loads(file.read_text()) == {"broken": [], "reason": ""}
    await ledger.database.fetch("UPDATE buyer SET taken = 0 WHERE buyer = 'ann'")
    await ledger.database.fetch("UPDATE ticket SET state = 'void' WHERE seat = 'GA-1'")
    assert await asyncio.to_thread(commands.main, arguments, environ) == 1
    summary = json.loads(file.read_text())
    assert summary["broken"] == ["1", "4", "15"]
    assert "what a buyer is counted for is what the buyer has: ann: counted 0, has 2" in summary["reason"]


async def test_the_command_says_so_when_it_cannot_look(event: EventRef) -> None:
    away = _run("ticketon_ledger", "--event", str(event), url="postgresql://ticketon@127.0.0.1:1/ticketon")
    assert away.returncode == 2
    assert "Postgres is away" in away.stderr
    odd = _run("ticketon_ledger", "--event", "gala", url="postgresql://ticketon@127.0.0.1:1/ticketon")
    assert odd.returncode == 2
    assert "namespace/name" in odd.stderr
