"""Buyers with passes, holds, and requests ready to be sent."""

import asyncio
import itertools
import json
import random
import secrets
import time
from collections.abc import Sequence

from bench.money import load
from bench.money.world import PATH, World
from ticketon_contract.tokens import Identity, PaymentGrant
from ticketon_ledger import Hold

_LOOKS = 200
CONNECTIONS = 64


def chunks(things: Sequence[str], size: int) -> list[Sequence[str]]:
    return [things[at : at + size] for at in range(0, len(things), size)]


async def admitted(world: World, url: str, count: int) -> list[str]:
    """So many buyers who went through the line: the bearer token of each, with its pass."""
    signer = world.signer
    tokens = [signer.sign(Identity(user=secrets.token_urlsafe(16))) for _ in range(count)]
    line = f"{url}{PATH}/v1/line"
    through: list[str] = []
    for look in range(_LOOKS):
        requests = [
            load.request("GET" if look else "POST", line, headers={"Authorization": f"Bearer {token}"})
            for token in tokens
        ]
        outcome = await load.send(url, requests, connections=CONNECTIONS, keep=True)
        places = [json.loads(body) for body in outcome.bodies.values()]
        if any("token" not in place for place in places):
            raise RuntimeError(f"somebody was not let into the line: {next(p for p in places if 'token' not in p)}")
        through += [place["token"] for place in places if place["state"] == "admitted"]
        tokens = [place["token"] for place in places if place["state"] != "admitted"]
        if not tokens:
            return through
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{len(tokens)} buyers were not admitted")


def hold_requests(url: str, tokens: Sequence[str], wanted: Sequence[dict[str, object]]) -> list[bytes]:
    """POST /v1/holds for each of ``wanted``, by the buyers in turn."""
    turn = itertools.cycle(tokens)
    return [
        load.request(
            "POST",
            f"{url}{PATH}/v1/holds",
            headers={"Authorization": f"Bearer {next(turn)}", "Content-Type": "application/json"},
            body=json.dumps(want).encode(),
        )
        for want in wanted
    ]


async def holds(world: World, seats: Sequence[str]) -> list[Hold]:
    """Each seat held by a buyer of its own, made by the ledger without HTTP."""
    gate = asyncio.Semaphore(CONNECTIONS * 4)

    async def one(seat: str) -> Hold:
        async with gate:
            return await world.ledger.hold_seats(
                world.event,
                buyer=secrets.token_urlsafe(16),
                number=1,
                seats=[seat],
                hold_seconds=world.config.hold_seconds,
                max_per_buyer=world.config.max_per_buyer,
            )

    return list(await asyncio.gather(*(one(seat) for seat in seats)))


def payment_requests(world: World, url: str, held: Sequence[Hold]) -> list[bytes]:
    """POST /v1/payments for each hold."""
    signer, until = world.signer, int(time.time()) + 3600
    requests = []
    for hold in held:
        grant = PaymentGrant(hold_id=hold.id, user=hold.buyer, number=hold.number, expires_at=until)
        headers = {
            "Authorization": f"Bearer {signer.sign(grant)}",
            "Idempotency-Key": secrets.token_urlsafe(12),
            "Content-Type": "application/json",
        }
        body = {"hold_id": hold.id, "method": {"type": "card", "token": "tok_ok"}}
        requests.append(load.request("POST", f"{url}/v1/payments", headers=headers, body=json.dumps(body).encode()))
    return requests


def shuffled(seats: Sequence[str], *, seed: int = 1) -> list[str]:
    """The seats in an order that has nothing to do with where they are."""
    mixed = list(seats)
    random.Random(seed).shuffle(mixed)
    return mixed
