"""A sale in one process and one dictionary: the smallest server that a crowd can buy from, honest or not.

It stands for the services where the crowd itself is under test. ``misdeeds`` make it break promises on purpose, so
that the judge is shown to notice through HTTP what it notices in logs written by hand; ``stumble_every`` makes it
answer some requests with 503 or a dropped connection, as a sale does while its pods are killed.
"""

import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

ROWS, SEATS_PER_ROW, STANDING = 4, 5, 10
ZONES: list[dict[str, Any]] = [
    {"name": "R", "price": 50_000, "rows": ROWS, "seats_per_row": SEATS_PER_ROW, "capacity": 0},
    {"name": "GA", "price": 30_000, "rows": 0, "seats_per_row": 0, "capacity": STANDING},
]


class ModelSale:
    """Numbers buyers in order, admits ``per_second`` of them, and sells each of its 30 places once."""

    def __init__(
        self, *, per_second: float = 200.0, misdeeds: frozenset[str] = frozenset(), stumble_every: int = 0
    ) -> None:
        self.misdeeds = misdeeds
        self._per_second = per_second
        self._stumble_every = stumble_every
        self._requests = itertools.count(1)
        self._users = itertools.count(1)
        self._began: float | None = None
        self._numbers: dict[str, int] = {}
        self.owner: dict[str, str] = {}  # seat -> hold
        self.holds: dict[str, list[str]] = {}
        self.payments: dict[str, dict[str, Any]] = {}  # by idempotency key
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application(middlewares=[self._stumbles])
        application.add_routes(
            [
                web.get("/v1/event", self._event),
                web.get("/v1/identity", self._identity),
                web.post("/v1/line", self._join),
                web.get("/v1/line", self._poll),
                web.delete("/v1/line", self._leave),
                web.get("/v1/seats", self._seats),
                web.get("/v1/serving", self._serving),
                web.post("/v1/holds", self._hold),
                web.delete("/v1/holds/{hold}", self._leave),
                web.post("/v1/payments", self._pay),
                web.get("/v1/payments/{payment}", self._payment),
                web.get("/v1/orders/{order}", self._shown),
                web.get("/v1/tickets/{ticket}", self._shown),
            ]
        )
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://sale.localhost:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _stumbles(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        turn = next(self._requests)
        if self._stumble_every and turn % self._stumble_every == 0:
            return web.json_response({}, status=503, headers={"Retry-After": "0.05"})
        response = await handler(request)
        if self._stumble_every and turn % self._stumble_every == 1 and request.transport:
            request.transport.abort()  # the work is done and the reply is lost
        return response

    # --- the line

    async def _event(self, _: web.Request) -> web.Response:
        return web.json_response({"zones": ZONES, "max_per_buyer": 4})

    async def _identity(self, _: web.Request) -> web.Response:
        return web.json_response({"token": f"user{next(self._users)}"})

    def _place(self, request: web.Request) -> dict[str, Any]:
        user = request.headers["Authorization"].removeprefix("Bearer ").partition("~")[0]
        if user not in self._numbers:
            fresh = len(self._numbers) + 1
            self._numbers[user] = 7 if "same number" in self.misdeeds and fresh == 8 else fresh
        number = self._numbers[user]
        if self._began is None:
            self._began = time.monotonic()
        serving = int((time.monotonic() - self._began) * self._per_second)
        if "overtake" in self.misdeeds and number % 10 == 3:
            serving = 0
        position = max(0, number - serving)
        place = {"number": number, "position": position, "state": "waiting" if position else "admitted"}
        place["token"] = f"{user}~place" + ("" if position else "~pass")
        return {**place, "retry_after_seconds": 0.05} | ({} if position else {"pass": "pass"})

    async def _join(self, request: web.Request) -> web.Response:
        place = self._place(request)
        return web.json_response({key: place[key] for key in place if key != "pass"}, status=201)

    async def _poll(self, request: web.Request) -> web.Response:
        return web.json_response(self._place(request))

    async def _leave(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    # --- seats and money

    async def _serving(self, _: web.Request) -> web.Response:
        return web.json_response({"sold_out": not (self._free("R") or self._free("GA"))})

    async def _seats(self, request: web.Request) -> web.Response:
        if "zone" not in request.query:
            free = [{"zone": zone["name"], "free": len(self._free(zone["name"]))} for zone in ZONES]
            return web.json_response({"zones": free})
        seats = [
            {"id": seat, "row": row, "number": number, "state": "sold" if seat in self.owner else "free"}
            for row in range(1, ROWS + 1)
            for number in range(1, SEATS_PER_ROW + 1)
            for seat in [f"R-{row}-{number}"]
        ]
        return web.json_response({"version": len(self.owner), "seats": seats})

    async def _hold(self, request: web.Request) -> web.Response:
        if not request.headers["Authorization"].endswith("~pass") and "no door" not in self.misdeeds:
            return web.json_response({"type": "https://ticketon.dev/problems/not-admitted"}, status=403)
        wanted = await request.json()
        seats = wanted.get("seats") or self._free(wanted["zone"])[: wanted["quantity"]]
        if len(seats) < wanted.get("quantity", len(seats)):
            return web.json_response({"type": "https://ticketon.dev/problems/sold-out"}, status=409)
        if any(seat in self.owner for seat in seats) and "oversell" not in self.misdeeds:
            return web.json_response({"type": "https://ticketon.dev/problems/seats-taken", "seats": seats}, status=409)
        hold = f"hold{len(self.holds)}"
        self.holds[hold] = seats
        self.owner.update(dict.fromkeys(seats, hold))
        grant = {
            "hold_id": hold,
            "seats": seats,
            "amount": 30_000 * len(seats),
            "payment_url": f"{self.url}/v1/payments",
            "payment_token": hold,
        }
        return web.json_response(grant, status=201)

    def _free(self, zone: str) -> list[str]:
        names = [f"R-{row}-{number}" for row in range(1, ROWS + 1) for number in range(1, SEATS_PER_ROW + 1)]
        every = names if zone == "R" else [f"GA-{unit}" for unit in range(1, STANDING + 1)]
        return [seat for seat in every if seat not in self.owner or "oversell" in self.misdeeds]

    async def _pay(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        fresh = {
            "payment_id": f"payment{len(self.payments)}",
            "hold_id": wanted["hold_id"],
            "state": "declined" if wanted["method"]["token"] == "tok_decline" else "paid",
        }
        payment = self.payments.setdefault(request.headers["Idempotency-Key"], fresh)
        return web.json_response({**payment, "state": "accepted"}, status=202)

    async def _payment(self, request: web.Request) -> web.Response:
        named = request.match_info["payment"]
        payment = next(payment for payment in self.payments.values() if payment["payment_id"] == named)
        if payment["state"] != "paid":
            return web.json_response(payment)
        seats = self.holds[payment["hold_id"]]
        if "keep tickets" in self.misdeeds:
            seats = seats[1:]
        tickets = [{"id": f"{named}-{seat}", "seat": seat, "code": "code"} for seat in seats]
        return web.json_response({**payment, "order_id": named, "tickets": tickets})

    async def _shown(self, request: web.Request) -> web.Response:
        return web.json_response({"id": next(iter(request.match_info.values()))})
