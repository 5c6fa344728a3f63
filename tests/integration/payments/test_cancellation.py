"""A cancelled event through payment servers that are killed in the middle of it."""

import asyncio
import json
import os
import subprocess
import sys

import redis.asyncio
from support.audits import audited, reconciled
from support.eventually import eventually_async
from support.payments import MakeSale, Sale

from ticketon_contract.summary import PaymentsSummary

ORDERS = 12


def ticketon(sale: Sale, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ticketon_cli", "cancel-event", "--event", sale.event, *arguments],
        env={**os.environ, **sale.stores},
        check=False,
        capture_output=True,
        text=True,
    )


async def refunding(sale: Sale, *, expected: bool) -> bool:
    """Whether the payment server's figures say, as expected, that refunds are under way."""
    async with redis.asyncio.from_url(sale.stores["TICKETON_REDIS_URL"]) as client:
        value = await client.hget(sale.config.ref.payments_summary_key, "0")
    return value is not None and bool(PaymentsSummary.model_validate_json(value).refunding) is expected


async def test_killed_in_mid_cancellation_and_started_again_it_refunds_every_order_once(make_sale: MakeSale) -> None:
    sale = await make_sale(provider_timeout_seconds=1.5)
    server = await sale.serve_process()
    payers = [await sale.payer(f"R-{n // 10 + 1}-{n % 10 + 1}", buyer=f"b{n}") for n in range(ORDERS)]
    views = [await payer.settled(await payer.accepted()) for payer in payers]
    assert {view["state"] for view in views} == {"paid"}
    late = await sale.payer("R-5-1", buyer="late")
    assert await eventually_async(lambda: refunding(sale, expected=False))

    asked = await asyncio.to_thread(ticketon, sale, "--reason", "ill")
    assert (asked.returncode, f"and {ORDERS} orders are refunded" in asked.stdout) == (1, True)
    sale.provider.faults(latency_ms=120, lost_reply_share=0.2)
    begun = await asyncio.to_thread(ticketon, sale, "--reason", "ill", "--yes")
    assert (begun.returncode, begun.stdout.splitlines()[-1]) == (1, "not complete yet")

    async def given(count: int) -> bool:
        return list((await sale.captured()).values()).count(0) >= count

    await eventually_async(lambda: given(1), within_seconds=30)
    assert await eventually_async(lambda: refunding(sale, expected=True), within_seconds=30)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    refused = await late.pay()
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (410, "event-cancelled")
    sale.provider.faults()
    await eventually_async(lambda: given(ORDERS), within_seconds=60)
    await sale.ledger.database.fetch("UPDATE cancellation SET requested_at = requested_at - interval '1 min'")
    shown = await asyncio.to_thread(ticketon, sale, "--status", "--wait", "60", "--json")
    document = json.loads(shown.stdout)
    assert (shown.returncode, document["complete"]) == (0, True)
    assert document["refunds"] == {"done": {"count": ORDERS, "amount": ORDERS * 150_000}}
    assert document["orders"] == {"refunded": ORDERS}
    assert set((await sale.captured()).values()) == {0}
    assert await eventually_async(lambda: refunding(sale, expected=False), within_seconds=30)
    await audited(sale)
    await reconciled(sale)
