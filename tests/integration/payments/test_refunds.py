"""Refunds through payment servers and a provider that misbehaves: given back once, whatever happens in between."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
from support.audits import audited, reconciled
from support.eventually import eventually_async
from support.payments import MakeSale, Payer, Sale

from ticketon_contract.config import ProviderProtocol
from ticketon_ledger import Order, refunds
from ticketon_ledger.audit import audit
from ticketon_ledger.records import Refund

BOTH = pytest.mark.parametrize("protocol", list(ProviderProtocol))
IMPATIENT = 0.7  # seconds a payment server waits for the provider
PRICE = 150_000


async def bought(sale: Sale, *seats: str, buyer: str = "ann") -> Order:
    payer: Payer = await sale.payer(*seats, buyer=buyer)
    view = await payer.settled(await payer.accepted(key=f"{buyer} {seats}"))
    assert view["state"] == "paid"
    order = await sale.ledger.order(sale.event, view["order_id"])
    assert order is not None
    return order


async def asked(sale: Sale, order: Order, *, key: str = "k", **what: Any) -> Refund:
    refund, _ = await refunds.request(
        sale.ledger.database, sale.event, order.id, idempotency_key=key, reason="the singer is ill", **what
    )
    return refund


async def reached(sale: Sale, refund: Refund, *states: str, within_seconds: float = 30) -> Refund:
    async def there() -> Refund | None:
        found = await refunds.listed(sale.ledger.database, sale.event, order_id=refund.order_id)
        return next((one for one in found if one.id == refund.id and one.state in states), None)

    found = await eventually_async(there, within_seconds=within_seconds)
    assert found is not None
    return found


@BOTH
async def test_money_goes_back_in_parts_and_then_all_of_it(make_sale: MakeSale, protocol: ProviderProtocol) -> None:
    sale = await make_sale(protocol=protocol)
    await sale.serve()
    order = await bought(sale, "R-1-1", "R-1-2", "R-1-3")
    for key, what, left in (("a", {"amount": 1000}, 449_000), ("b", {"seats": ["R-1-2"]}, 299_000), ("c", {}, 0)):
        refund = await asked(sale, order, key=key, **what)
        await reached(sale, refund, "done")
        assert await sale.captured() == {order.payment_id: left}
        await audited(sale)
        await reconciled(sale)
    assert await sale.states() == {}
    assert f'ticketon_refunds_total{{event="{sale.event}"}} 3.0' in await sale.servers[0].metrics()


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"lost_reply_share": 1}, id="the reply is lost"),
        pytest.param({"timeout_share": 1, "timeout_seconds": 5}, id="the answer comes too late"),
        pytest.param({"error_share": 1}, id="an error, and nothing done"),
        pytest.param({"outage": True}, id="the provider is down"),
    ],
)
async def test_a_refund_whose_answer_is_missing_is_found_out_and_given_once(
    make_sale: MakeSale, faults: dict[str, float | bool]
) -> None:
    sale = await make_sale(provider_timeout_seconds=IMPATIENT)
    await sale.serve()
    order = await bought(sale, "R-1-1", "R-1-2")
    sale.provider.faults(**faults)
    refund = await asked(sale, order, seats=["R-1-1"])
    parked = await reached(sale, refund, "unknown")
    assert parked.detail
    assert (await sale.states()) == {"R-1-2": "sold"}
    await audited(sale)
    sale.provider.faults()
    await reached(sale, refund, "done")
    assert await sale.captured() == {order.payment_id: PRICE}
    await audited(sale)
    await reconciled(sale)


async def test_what_the_provider_will_not_give_back_waits_for_a_person(make_sale: MakeSale) -> None:
    """Somebody gave the money back at the provider's own desk: ours is refused, and nothing is refunded twice."""
    sale = await make_sale()
    await sale.serve()
    order = await bought(sale, "R-1-1")
    entry = next(
        entry for entry in await asyncio.to_thread(sale.provider.books) if entry["reference"] == order.payment_id
    )
    async with httpx.AsyncClient() as client:
        desk = await client.post(
            f"{sale.provider.url}/v1/authorizations/{entry['id']}/refund",
            json={"amount": PRICE},
            headers={"Idempotency-Key": f"desk {order.id}"},
        )
    assert desk.status_code == 200
    refund = await asked(sale, order)
    refused = await reached(sale, refund, "refused")
    assert refused.detail == "more than was captured"
    assert await sale.captured() == {order.payment_id: 0}
    broken = [finding.title for finding in await audit(sale.ledger.database) if not finding.ok]
    assert broken == ["what goes back has gone in time"]


async def test_a_server_killed_between_asking_and_writing_does_not_refund_twice(make_sale: MakeSale) -> None:
    sale = await make_sale(provider_timeout_seconds=IMPATIENT)
    server = await sale.serve_process()
    orders = [await bought(sale, f"R-1-{n}", f"R-2-{n}", buyer=f"b{n}") for n in range(1, 5)]
    sale.provider.faults(latency_ms=150)
    asked_for = [await asked(sale, order, key=order.id, seats=[order.tickets[0].seat]) for order in orders]

    async def given_one() -> bool:
        return PRICE in (await sale.captured()).values()

    await eventually_async(given_one)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    for refund in asked_for:
        await reached(sale, refund, "done", within_seconds=60)
    assert set((await sale.captured()).values()) == {PRICE}
    await audited(sale)
    await reconciled(sale)


def ticketon(sale: Sale, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ticketon_cli", *arguments],
        env={**os.environ, **sale.stores},
        check=False,
        capture_output=True,
        text=True,
    )


async def test_the_organiser_refunds_by_the_command_line(sale: Sale) -> None:
    order = await bought(sale, "R-1-1", "R-1-2")
    which = ("--event", sale.event, "--order", order.id)
    demand = ("refund", *which, "--seats", "R-1-1", "--reason", "asked for it")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ticketon(sale, *arguments)

    first = await asyncio.to_thread(run, *demand, "--wait", "20", "--json")
    assert (first.returncode, first.stderr) == (0, "")
    document = json.loads(first.stdout)
    assert (document["state"], document["amount"], document["seats"]) == ("done", PRICE, ["R-1-1"])
    again = await asyncio.to_thread(run, *demand)
    assert (again.returncode, again.stdout.split(":")[0]) == (0, "asked for before")
    strange = await asyncio.to_thread(run, "refund", *which, "--seats", "R-9-9", "--reason", "?")
    assert (strange.returncode, strange.stderr) == (
        2,
        f"refund: order {order.id}: no valid ticket for R-9-9; it has R-1-2\n",
    )
    listing = await asyncio.to_thread(run, "refunds", "--event", sale.event)
    assert listing.stdout.count("\n") == 1
    assert "done  asked for it" in listing.stdout
    assert (await sale.captured())[order.payment_id] == PRICE
