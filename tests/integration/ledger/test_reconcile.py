"""The ledger against a provider that runs: what agrees is clean, and whatever is done on one side alone is found."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from support.money import configuration, hall
from support.provider import ProviderProcess
from support.purchases import bought, paying

from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger, Payment, PaymentState, Pending, commands, refunds, settlement
from ticketon_ledger.listing import Page
from ticketon_ledger.listing_http import HttpListing
from ticketon_ledger.provider_http import BooksError
from ticketon_ledger.reconcile import Summary, reconcile
from ticketon_ledger.reconciling import Difference, Finding
from ticketon_ledger.settlement import Move

PRICE = 150_000
Command = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture(scope="module")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    process = ProviderProcess(tmp_path_factory.mktemp("provider"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def provider(provider_process: ProviderProcess) -> Iterator[ProviderProcess]:
    """Faults of a test end with it; so do its books."""
    provider_process.make_available()
    yield provider_process
    provider_process.forget()


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


class Desk:
    """The provider's API, in the hands of whoever holds the merchant's key."""

    def __init__(self, provider: ProviderProcess) -> None:
        self._client = httpx.AsyncClient(base_url=provider.url)
        self._keys = 0

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        self._keys += 1
        key = {"Idempotency-Key": f"desk-{self._keys}"}
        answer: dict[str, Any] = (await self._client.post(f"/v1/{path}", json=body, headers=key)).json()
        return answer

    async def reserve(self, payment: Payment, **other: Any) -> str:
        demand = {"reference": payment.id, "amount": payment.amount, "currency": payment.currency, **other}
        return str((await self.post("authorizations", **demand, method={"token": "tok_ok"}))["id"])

    async def take(self, payment: Payment, **other: Any) -> str:
        entry = await self.reserve(payment, **other)
        assert (await self.post(f"authorizations/{entry}/capture"))["state"] == "captured"
        return entry

    async def give_back(self, entry: str, amount: int, reference: str) -> None:
        made = await self.post(f"authorizations/{entry}/refund", amount=amount, reference=reference)
        assert made["refund"]["state"] == "succeeded"


@pytest.fixture
def desk(provider: ProviderProcess) -> Desk:
    return Desk(provider)


async def compared(
    ledger: Ledger, provider: ProviderProcess, *events: str, lag_seconds: float = 0
) -> tuple[Summary, list[Finding]]:
    """Two lines a page, so that there are many; nothing is too young, unless the test says so."""
    findings: list[Finding] = []
    summary = await reconcile(
        ledger.database,
        HttpListing(provider.url, page_size=2),
        found=findings.append,
        events=events,
        within_seconds=1800,
        lag_seconds=lag_seconds,
    )
    return summary, findings


async def differences(ledger: Ledger, provider: ProviderProcess) -> set[tuple[str, str]]:
    _, findings = await compared(ledger, provider)
    return {(finding.difference, finding.reference) for finding in findings if not finding.open}


async def test_a_sale_whose_books_agree_is_clean(
    ledger: Ledger, provider: ProviderProcess, desk: Desk, event: EventRef
) -> None:
    entries = {}
    for n in range(1, 4):
        payment = await bought(ledger, event, f"b{n}", f"R-1-{n}", f"R-2-{n}")
        entries[payment.id] = await desk.take(payment)
    order = await ledger.database.fetchrow("SELECT id, payment_id FROM orders LIMIT 1")
    assert order is not None
    refund, _ = await refunds.request(
        ledger.database, str(event), order["id"], idempotency_key="k", reason="ill", amount=1000
    )
    await desk.give_back(entries[order["payment_id"]], 1000, refund.id)
    await refunds.done(ledger.database, refund)
    under_way = await paying(ledger, event, "eve", "R-4-1")
    await desk.reserve(under_way)
    summary, findings = await compared(ledger, provider)
    assert [(finding.difference, finding.reference, finding.open) for finding in findings] == [
        (Difference.UNDER_WAY, under_way.id, True)
    ]
    assert (summary.payments, summary.refunds, summary.transactions) == (4, 1, 8)
    assert summary.taken_by_ledger == summary.taken_by_books == {"KRW": 6 * PRICE - 1000}


async def test_whatever_one_side_did_alone_is_found(
    ledger: Ledger, provider: ProviderProcess, desk: Desk, event: EventRef
) -> None:
    good = await bought(ledger, event, "good", "R-1-1")
    await desk.take(good)
    uncharged = await bought(ledger, event, "uncharged", "R-1-2")
    twice = await bought(ledger, event, "twice", "R-1-3")
    await desk.take(twice)
    await desk.take(twice)
    less = await bought(ledger, event, "less", "R-1-4")
    await desk.take(less, amount=PRICE - 1)
    abroad = await bought(ledger, event, "abroad", "R-1-5")
    await desk.take(abroad, currency="USD")
    declined = await paying(ledger, event, "declined", "R-1-6")
    assert await settlement.give_back(ledger.database, declined, Move(PaymentState.DECLINED, Pending.NOTHING, 0))
    await desk.take(declined)
    kept = await paying(ledger, event, "kept", "R-1-7")
    assert await settlement.give_back(ledger.database, kept, Move(PaymentState.DECLINED, Pending.NOTHING, 0))
    await desk.reserve(kept)
    by_hand = await bought(ledger, event, "by hand", "R-1-8")
    await desk.give_back(await desk.take(by_hand), 500, "a gift")
    stuck = await paying(ledger, event, "stuck", "R-1-9")
    await ledger.database.fetch("UPDATE payment SET accepted_at = now() - interval '1 h' WHERE id = $1", stuck.id)
    forgotten = await bought(ledger, event, "forgotten", "R-1-10")
    await desk.take(forgotten)
    await ledger.database.fetch("DELETE FROM orders WHERE payment_id = $1", forgotten.id)
    back = await bought(ledger, event, "back", "R-2-1", "R-2-2")
    await desk.take(back)
    order = await ledger.database.fetchrow("SELECT id FROM orders WHERE payment_id = $1", back.id)
    assert order is not None
    refund, _ = await refunds.request(
        ledger.database, str(event), order["id"], idempotency_key="k", reason="ill", seats=["R-2-1"]
    )
    await refunds.done(ledger.database, refund)
    await desk.take(good, reference="stranger")
    assert await differences(ledger, provider) == {
        (Difference.ORDER_WITHOUT_CHARGE, uncharged.id),
        (Difference.CHARGED_TWICE, twice.id),
        (Difference.AMOUNT_DIFFERS, less.id),
        (Difference.CURRENCY_DIFFERS, abroad.id),
        (Difference.CHARGE_WITHOUT_ORDER, declined.id),
        (Difference.NOT_LET_GO, kept.id),
        (Difference.REFUND_UNRECORDED, by_hand.id),
        (Difference.UNDER_WAY, stuck.id),
        (Difference.CHARGE_WITHOUT_ORDER, forgotten.id),
        (Difference.REFUND_MISSING, back.id),
        (Difference.UNKNOWN_PAYMENT, "stranger"),
    }


async def test_what_is_too_young_for_the_listing_is_not_judged_yet(
    ledger: Ledger, provider: ProviderProcess, event: EventRef
) -> None:
    payment = await bought(ledger, event, "ann", "R-1-1")
    summary, findings = await compared(ledger, provider, lag_seconds=300)
    assert summary.ok
    assert [(finding.reference, finding.open) for finding in findings] == [(payment.id, True)]
    await ledger.database.fetch("UPDATE payment SET settled_at = now() - interval '1 h'")
    summary, findings = await compared(ledger, provider, lag_seconds=300)
    assert not summary.ok


async def test_other_events_are_left_out_and_what_nobody_knows_is_not(
    ledger: Ledger, provider: ProviderProcess, desk: Desk, event: EventRef
) -> None:
    payment = await bought(ledger, event, "ann", "R-1-1")
    await desk.take(payment, amount=1)
    await desk.take(payment, reference="stranger")
    summary, findings = await compared(ledger, provider, "shows/another")
    assert [finding.reference for finding in findings] == ["stranger"]
    assert (summary.payments, summary.others) == (0, 2)


@pytest.fixture
def command(provider: ProviderProcess, database_url: str, capsys: pytest.CaptureFixture[str]) -> Command:
    """``ticketon reconcile``: exit code, what it printed, what it complained about."""

    async def run(*arguments: str) -> tuple[int, str, str]:
        environ = {"TICKETON_POSTGRES_URL": database_url}
        wanted = ["reconcile", "--books", provider.url, "--lag", "0", *arguments]
        capsys.readouterr()
        code = await asyncio.to_thread(commands.main, wanted, environ)
        return code, *capsys.readouterr()

    return run


async def test_the_command_tells_what_differs_and_its_exit_code_whether_anything_does(
    ledger: Ledger, command: Command, desk: Desk, event: EventRef
) -> None:
    await desk.take(await bought(ledger, event, "ann", "R-1-1"))
    code, clean, complaint = await command("--event", str(event))
    assert (code, complaint, clean.splitlines()[-1]) == (0, "", "ledger and books agree")
    uncharged = [await bought(ledger, event, f"b{n}", f"R-2-{n}") for n in range(1, 4)]
    code, table, _ = await command("--shown", "2")
    assert (code, table.splitlines()[-1]) == (1, "DIFFERS: 3 in all")
    assert "and 1 more" in table
    document = json.loads((await command("--json"))[1])
    assert not document["ok"]
    assert document["counts"] == {"differences": {"order_without_charge": 3}, "open": {}}
    assert {one["payment_id"] for one in document["differences"]} == {payment.id for payment in uncharged}
    assert {one["event"] for one in document["differences"]} == {str(event)}


async def test_books_that_cannot_be_read_are_no_clean_result(
    ledger: Ledger, provider: ProviderProcess, command: Command, desk: Desk, event: EventRef
) -> None:
    await desk.take(await bought(ledger, event, "ann", "R-1-1"))
    provider.faults(outage=True)
    code, printed, complaint = await command()
    assert (code, printed) == (2, "")
    assert "could not be read: HTTP Error 503" in complaint
    code, printed, complaint = await command("--event", "gala")
    assert (code, printed) == (2, "")
    assert "namespace/name" in complaint


class Skipping(HttpListing):
    """Leaves out all but the first line of each page."""

    async def page(self, after: str | None) -> Page:
        page = await super().page(after)
        return replace(page, transactions=page.transactions[:1])


async def test_a_transaction_that_is_left_out_is_an_error(
    ledger: Ledger, provider: ProviderProcess, desk: Desk, event: EventRef
) -> None:
    await desk.take(await bought(ledger, event, "ann", "R-1-1"))
    findings: list[Finding] = []
    with pytest.raises(BooksError, match="not read whole"):
        await reconcile(ledger.database, Skipping(provider.url), found=findings.append, within_seconds=1800)
    assert findings == []
