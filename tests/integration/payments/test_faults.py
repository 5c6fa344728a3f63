"""Stores and servers go away in mid-sale, messages come twice or make no sense: nothing is lost or doubled."""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
from typing import Any

import pytest
import redis.asyncio
from support.audits import audited
from support.eventually import eventually_async
from support.payments import MakeSale, Payer, Sale, ServerProcess

from ticketon_contract.config import EventConfig, ProviderProtocol
from ticketon_contract.connections import Kafka
from ticketon_contract.messages import PaymentCommand
from ticketon_contract.summary import PaymentsSummary
from ticketon_dev.stores import KafkaServer, PostgresServer, RedisServer
from ticketon_payments.kafka import Bus, Feed, Message

PAYMENTS = 50
BOTH = pytest.mark.parametrize("protocol", list(ProviderProtocol))


async def records(sale: Sale) -> list[dict[str, Any]]:
    """All that a replay must not change."""
    tables = {
        "payment": "id, state, pending, captured, refunded, settled_at",
        "orders": "id, state, ended_at",
        "ticket": "id, seat, state",
        "seat": "id, state, hold_id, generation, revision",
        "seat_hold": "id, state, generation, ended_at",
        "buyer": "buyer, taken",
        "outbox": "id, payload",
    }
    return [
        dict(row)
        for table, columns in tables.items()
        for row in await sale.ledger.database.fetch(f"SELECT {columns} FROM {table} ORDER BY 1")  # noqa: S608
    ]


def kafka(sale: Sale) -> Kafka:
    return Kafka(bootstrap_servers=sale.stores["TICKETON_KAFKA_BOOTSTRAP_SERVERS"])


async def sent(sale: Sale, *messages: tuple[bytes, bytes], times: int = 1) -> None:
    """Put messages into the payments topic, as somebody else might."""
    async with Bus(kafka(sale)) as bus:

        async def connected() -> bool:
            return bus.ok

        await eventually_async(connected, within_seconds=10)
        for key, value in messages * times:
            await bus.send(sale.config.ref.payments_topic, key=key, value=value)


async def letters(sale: Sale, count: int) -> list[Message]:
    """The first so many dead letters."""
    found: list[Message] = []
    async with Feed(kafka(sale), topic=sale.config.ref.dead_letter_topic, group=None) as feed:
        feed.assign({0})

        async def enough() -> bool:
            found.extend(await feed.fetch({0}, seconds=0.3, most=100))
            return len(found) >= count

        await eventually_async(enough, within_seconds=15)
    return found


async def all_settled(payers: dict[str, Payer], *, within_seconds: float = 60) -> dict[str, str]:
    """Payment -> the state it ended in."""
    ended: dict[str, str] = {}
    for payment, payer in payers.items():
        ended[payment] = (await payer.settled(payment, within_seconds=within_seconds))["state"]
    return ended


async def test_killed_at_any_line_and_started_again_it_charges_nobody_twice_and_loses_nobody(
    make_sale: MakeSale,
) -> None:
    """Six kills under a load of fifty payments, and a replay of the topic from its beginning.

    At each start the provider is of the other protocol; payments go on by the one under which they began.
    """
    chance = random.Random("kill")
    sale = await make_sale(provider_timeout_seconds=1)
    sale.provider.faults(latency_ms=40, latency_p99_ms=400, lost_reply_share=0.05)
    server = await sale.serve_process()
    cards = ["tok_ok"] * 6 + ["tok_decline", "tok_lost_reply", "tok_capture_fails", "tok_error"]
    accepted: dict[str, Payer] = {}

    async def buy(number: int) -> None:
        """A buyer who sends the same request until it is answered, as one may with an Idempotency-Key."""
        payer = await sale.payer(f"R-{number // 10 + 1}-{number % 10 + 1}", buyer=f"b{number}")
        card = chance.choice(cards)
        await asyncio.sleep(chance.uniform(0, 7))

        async def answered() -> str | None:
            response = await payer.pay(card)
            assert response.status_code in {202, 503}, response.text
            return response.json()["payment_id"] if response.status_code == 202 else None

        payment = await eventually_async(answered, within_seconds=60)
        assert payment is not None
        accepted[payment] = payer

    buying = asyncio.gather(*(buy(number) for number in range(PAYMENTS)))
    for protocol in [ProviderProtocol.ONE_PHASE, ProviderProtocol.TWO_PHASE] * 3:
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        await asyncio.to_thread(server.kill)
        server.configure(with_protocol(sale.config, protocol))
        await asyncio.to_thread(server.start)
    await buying
    ended = await all_settled(accepted)
    assert len(ended) == PAYMENTS
    rows = await sale.ledger.database.fetch("SELECT protocol FROM payment WHERE state = 'paid' GROUP BY 1")
    assert {row["protocol"] for row in rows} == set(ProviderProtocol)
    net = await sale.captured()
    for payment, state in ended.items():
        assert net.get(payment, 0) == (accepted[payment].hold.amount if state == "paid" else 0), (payment, state)
    await audited(sale)
    await replayed(sale, server)


def with_protocol(config: EventConfig, protocol: ProviderProtocol) -> EventConfig:
    provider = config.payments.provider.model_copy(update={"protocol": protocol})
    return config.model_copy(update={"payments": config.payments.model_copy(update={"provider": provider})})


async def replayed(sale: Sale, server: ServerProcess) -> None:
    """Begin the topic again at 0; nothing changes."""
    await asyncio.to_thread(server.stop)
    before, books = await records(sale), await sale.captured()
    ref = sale.config.ref
    async with Feed(kafka(sale), topic=ref.payments_topic, group=ref.consumer_group) as feed:
        partitions = await feed.partitions()
        ends = await feed.end()
        assert sum(ends.values()) >= PAYMENTS
        feed.assign(partitions)
        await feed.commit(dict.fromkeys(partitions, 0))
    await asyncio.to_thread(server.start)
    async with Feed(kafka(sale), topic=ref.payments_topic, group=ref.consumer_group) as feed:
        feed.assign(partitions)

        async def read_again() -> bool:
            return await feed.committed(partitions) == ends

        assert await eventually_async(read_again, within_seconds=30)
    assert await records(sale) == before
    assert await sale.captured() == books


async def test_the_payments_of_a_server_that_died_are_settled_by_another(make_sale: MakeSale) -> None:
    sale = await make_sale(servers=2, provider_timeout_seconds=1)
    sale.provider.faults(latency_ms=600)
    dying = await sale.serve_process()
    payers = [await sale.payer(f"R-1-{n}", buyer=f"b{n}") for n in range(1, 9)]
    payments = [await payer.accepted() for payer in payers]

    async def begun() -> bool:
        rows = await sale.ledger.database.fetch("SELECT id FROM payment WHERE consumed_at IS NOT NULL")
        return len(rows) > 0

    await eventually_async(begun)
    await asyncio.to_thread(dying.kill)
    rows = await sale.ledger.database.fetch("SELECT id FROM payment WHERE consumed_at IS NOT NULL")
    taken_up = {row["id"] for row in rows}
    survivor = await sale.serve()
    for payer, payment in zip(payers, payments, strict=True):
        payer.server = survivor
        if payment in taken_up:  # the others wait in the dead server's partitions, for its restart
            assert (await payer.settled(payment, within_seconds=30))["state"] == "paid"
    await asyncio.to_thread(dying.start)
    for payer, payment in zip(payers, payments, strict=True):
        assert (await payer.settled(payment, within_seconds=30))["state"] == "paid"
    await audited(sale)


async def test_a_command_that_comes_often_and_at_two_servers_is_carried_out_once(make_sale: MakeSale) -> None:
    sale = await make_sale(partitions=4)
    await sale.serve()
    # Both believe to be number 0 of 1: they own every partition together.
    twin = await sale.serve(ordinal=0)
    payers = [await sale.payer(f"R-1-{n}", buyer=f"b{n}") for n in range(1, 7)]
    payments = [await payer.accepted() for payer in payers]
    rows = await sale.ledger.database.fetch("SELECT id, hold_id, accepted_at FROM payment")
    commands = [
        PaymentCommand(event=sale.event, payment_id=row["id"], hold_id=row["hold_id"], accepted_at=row["accepted_at"])
        for row in rows
    ]
    await sent(sale, *((command.kafka_key, command.encode()) for command in commands), times=5)
    for payer, payment in zip(payers, payments, strict=True):
        assert (await payer.settled(payment))["state"] == "paid"
    assert sorted((await sale.captured()).values()) == sorted(payer.hold.amount for payer in payers)
    assert len(twin.url) > 0
    await audited(sale)


async def test_poison_goes_to_the_dead_letters_with_its_reason_and_holds_up_nothing(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    foreign = {"event": "shows/another", "payment_id": "p", "hold_id": "h", "accepted_at": "2026-11-23T00:00:00Z"}
    unknown = {**foreign, "event": sale.event}
    newer = {**unknown, "version": 99}
    nul = {**unknown, "payment_id": "p\x00"}
    poison = [b"\xff\x00 nonsense", b"{}", *(json.dumps(one).encode() for one in (foreign, unknown, newer, nul))]
    await sent(sale, *((b"h", value) for value in poison))
    assert (await ann.settled(await ann.accepted()))["state"] == "paid"
    buried = await letters(sale, 6)
    reasons = [dict(letter.headers)["reason"].decode() for letter in buried]
    assert sorted(reason.partition(":")[0] for reason in reasons) == [
        "a command of another event",
        "not a command",
        "not a command",
        "not a command",
        "not a command",
        "there is no such payment",
    ]
    assert sorted(letter.value for letter in buried) == sorted(poison)
    await dead_letters_by_command(sale)


async def dead_letters_by_command(sale: Sale) -> None:
    """``ticketon dlq`` lists, shows and replays them."""

    async def dlq(*arguments: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "ticketon_cli", "dlq", *arguments, "--event", sale.event],
            env={**os.environ, **sale.stores},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    listed = (await dlq("list")).splitlines()
    assert len(listed) == 6
    number = next(line.split()[0] for line in listed if "another event" in line)
    assert json.loads(json.loads(await dlq("show", number))["value"])["event"] == "shows/another"
    assert (await dlq("replay", number)).startswith("replayed ")
    assert len(await letters(sale, 7)) == 7  # it is still not ours


async def test_without_kafka_which_is_told_payments_are_accepted_and_settled_when_it_is_back(
    sale: Sale, kafka_server: KafkaServer, redis_server: RedisServer
) -> None:
    """While it goes and comes back nobody pays: it is the server itself that looks."""
    client = redis.asyncio.from_url(redis_server.url)

    async def kafka_ok() -> bool:
        value = await client.hget(sale.config.ref.payments_summary_key, "0")
        return PaymentsSummary.model_validate_json(value or b"").kafka_ok

    async def kafka_away() -> bool:
        return not await kafka_ok()

    ann = await sale.payer("R-1-1")
    assert (await ann.settled(await ann.accepted()))["state"] == "paid"
    assert await eventually_async(kafka_ok, within_seconds=30)
    await asyncio.to_thread(kafka_server.kill)
    assert await eventually_async(kafka_away, within_seconds=30)
    payers = {}
    for number in range(1, 6):
        payer = await sale.payer(f"R-2-{number}", buyer=f"b{number}")
        payers[await payer.accepted()] = payer
    await asyncio.to_thread(kafka_server.start)
    assert await eventually_async(kafka_ok, within_seconds=30)
    assert set((await all_settled(payers)).values()) == {"paid"}
    await audited(sale)
    await client.aclose()


@BOTH
async def test_money_for_seats_that_are_gone_goes_back(make_sale: MakeSale, protocol: ProviderProtocol) -> None:
    """The one transaction loses: somebody with access to the records freed the seat while the provider was busy."""
    sale = await make_sale(protocol=protocol)
    await sale.serve()
    sale.provider.faults(latency_ms=700)
    ann = await sale.payer("R-1-1")
    payment = await ann.accepted()
    for statement in (
        "UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL WHERE hold_id = $1",
        "UPDATE seat_hold SET state = 'released' WHERE id = $1",
        "UPDATE buyer SET taken = 0 WHERE last_hold = $1",
    ):
        await sale.ledger.database.fetch(statement, ann.hold.id)
    ben = await sale.payer("R-1-1", buyer="ben")
    view = await ann.settled(payment)
    assert view["state"] == ("voided" if protocol is ProviderProtocol.TWO_PHASE else "refunded")
    assert "order_id" not in view
    assert (await ben.settled(await ben.accepted()))["state"] == "paid"
    assert (await sale.captured())[payment] == 0
    await audited(sale)


async def test_without_postgres_intake_says_when_to_come_again_and_goes_on_by_itself(
    make_sale: MakeSale, postgres_server: PostgresServer
) -> None:
    sale = await make_sale(provider_timeout_seconds=1)
    await sale.serve()
    sale.provider.faults(latency_ms=300)
    payers = [await sale.payer(f"R-1-{n}", buyer=f"b{n}") for n in range(1, 6)]
    under_way = {await payer.accepted(): payer for payer in payers[:-1]}
    late = payers[-1]
    await asyncio.to_thread(postgres_server.kill)
    refused = await late.pay()
    assert refused.status_code == 503, refused.text
    assert int(refused.headers["retry-after"]) > 0
    await asyncio.to_thread(postgres_server.start)

    async def accepted() -> str | None:
        response = await late.pay()
        return response.json()["payment_id"] if response.status_code == 202 else None

    payment = await eventually_async(accepted, within_seconds=20)
    assert payment is not None
    ended = await all_settled({**under_way, payment: late})
    assert set(ended.values()) == {"paid"}
    assert sorted((await sale.captured()).values()) == sorted(payer.hold.amount for payer in payers)
    await audited(sale)


async def test_without_redis_payments_go_on(sale: Sale, redis_server: RedisServer) -> None:
    await asyncio.to_thread(redis_server.stop)
    ann = await sale.payer("R-1-1")
    assert (await ann.settled(await ann.accepted()))["state"] == "paid"


async def test_a_server_that_is_told_to_end_finishes_what_it_has_begun(make_sale: MakeSale) -> None:
    sale = await make_sale()
    sale.provider.faults(latency_ms=300)
    server = await sale.serve_process()
    payers = {}
    for number in range(1, 5):
        payer = await sale.payer(f"R-1-{number}", buyer=f"b{number}")
        payers[await payer.accepted()] = payer

    async def begun() -> bool:
        rows = await sale.ledger.database.fetch("SELECT id FROM payment WHERE consumed_at IS NULL")
        return not rows

    await eventually_async(begun)
    await asyncio.to_thread(server.stop)
    rows = await sale.ledger.database.fetch("SELECT state FROM payment")
    assert {row["state"] for row in rows} == {"paid"}


async def test_two_hundred_buyers_on_fifty_seats_pay_for_each_seat_once(sale: Sale) -> None:
    """Each tries seats until one is theirs, and pays for it; some cards decline, and those seats sell again."""
    chance = random.Random(50)
    taken: set[str] = set()

    async def buy(number: int) -> str | None:
        seats = [f"R-{row}-{seat}" for row in range(1, 6) for seat in range(1, 11)]
        chance.shuffle(seats)
        for seat in seats:
            if seat in taken:
                continue
            with contextlib.suppress(Exception):
                payer = await sale.payer(seat, buyer=f"b{number}")
                payment = await payer.accepted("tok_decline" if number % 10 == 0 else "tok_ok", key=seat)
                state: str = (await payer.settled(payment, within_seconds=60))["state"]
                if state == "paid":
                    taken.add(seat)
                    return payment
                await sale.ledger.release(sale.event, payer.hold.id, buyer=payer.hold.buyer)
                return None
        return None

    paid = [payment for payment in await asyncio.gather(*(buy(number) for number in range(200))) if payment]
    assert len(paid) == 50
    assert set((await sale.states()).values()) == {"sold"}
    net = await sale.captured()
    assert {payment for payment, amount in net.items() if amount} == set(paid)
    await audited(sale)


async def test_a_server_that_starts_before_its_schema_and_topics_waits_for_them(
    make_sale: MakeSale, caplog: pytest.LogCaptureFixture
) -> None:
    sale = await make_sale(prepared=False)
    await sale.serve()

    async def told() -> bool:
        return "the ledger is not migrated yet" in " ".join(str(record.__dict__) for record in caplog.records)

    await eventually_async(told, within_seconds=10)
    await sale.prepare()
    ann = await sale.payer("R-1-1")
    assert (await ann.settled(await ann.accepted(), within_seconds=40))["state"] == "paid"
    assert not [record for record in caplog.records if record.exc_info]
