"""Which page somebody gets. GET only: what forms do is in ``forms``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.problems import problem_response
from ticketon_ledger import Hold, HoldState, LedgerUnavailable, Order, Payment, PaymentState, ShownState
from ticketon_ledger import payments as payment_statements
from ticketon_ledger.records import UNSETTLED
from ticketon_queue.api.documents import grant, payments_url
from ticketon_queue.api.line_routes import LineRoutes
from ticketon_queue.api.seat_maps import written
from ticketon_queue.api.seats import Seats
from ticketon_queue.context import Context
from ticketon_queue.credentials import set_cookie
from ticketon_queue.holding import Holding
from ticketon_queue.line import Standing, State
from ticketon_queue.pages.rendering import page
from ticketon_queue.pages.seat_map import rows_of, seats_named
from ticketon_queue.pages.state import Visitor, an_id, hold_cookie, seconds_until, visitor
from ticketon_queue.pages.texts import moment

#: A payment settles within a second or two; who looks is shown the change soon.
PAYMENT_SECONDS = 2
DOOR_SECONDS = 15
#: The script counts down to the opening by itself, and looks whether it has moved.
COUNTED_SECONDS = 120
AWAY_SECONDS = 5


class Views:
    """The event's one address, ``/``: what it shows follows from who asks."""

    def __init__(self, context: Context, line: LineRoutes, seats: Seats, holding: Holding) -> None:
        self._context = context
        self._line = line
        self._seats = seats
        self._holding = holding

    async def page(self, request: Request) -> Response:
        """Show the page; a store that is away is said, and the page tries again by itself."""
        who = visitor(self._context, request)
        try:
            return await self._choose(request, who)
        except LedgerUnavailable:
            notice = who.texts.text("seats_away")
        except ProblemError as error:
            if error.problem is not Problem.UNAVAILABLE:
                raise
            notice = who.texts.text("away")
        return self._render(request, who, "away.html", {"refresh": AWAY_SECONDS, "notice": notice}, status=503)

    async def _choose(self, request: Request, who: Visitor) -> Response:
        login = self._context.live.config.login
        if login is not None and who.new:
            return self._render(request, who, "login.html", {"login_url": login.url})
        if "payment" in request.query_params:
            return await self._payment(request, who, an_id(request.query_params["payment"]))
        if "tickets" in request.query_params:
            return await self._tickets(request, who)
        if self._context.live.config.cancelled:
            return self._door(request, who)
        hold = await self._hold(who)
        if hold is not None and hold.state is HoldState.HELD:
            return self._pay(request, who, hold)
        standing = None if who.new else await self._standing(who)
        return self._door(request, who) if standing is None else await self._place(request, who, standing)

    async def _place(self, request: Request, who: Visitor, standing: Standing) -> Response:
        match standing.state:
            case State.ADMITTED:
                return await self._choose_seats(request, who, standing)
            case State.WAITING | State.PRE_QUEUE:
                return self._waiting(request, who, standing)
            case State.DONE:
                return await self._tickets(request, who, template="done.html")
        if self._context.live.config.closed(datetime.now(UTC)):
            return self._door(request, who)
        return self._render(request, who, "gone.html", {"truth": f"gone:{standing.number}"})

    async def _standing(self, who: Visitor) -> Standing | None:
        """Where the visitor stands; whoever only has an identity may have a place from another tab or device."""
        buyer = who.buyer
        standing = await self._context.line.look(buyer.user, buyer.place, buyer.held_pass, buyer.arrival)
        if standing is not None:
            document, carried = self._line.describe(who.buyer, standing)
            if carried != who.buyer:
                who.cookies.append(set_cookie(self._context.live.config.ref.cookie, document["token"]))
                who.buyer = carried
        return standing

    async def _hold(self, who: Visitor) -> Hold | None:
        if who.hold_id is None:
            return None
        try:
            return await self._holding.find(who.buyer, who.hold_id)
        except ProblemError:
            who.cookies.append(hold_cookie(self._context, None))
            return None

    def _door(self, request: Request, who: Visitor) -> Response:
        config, now = self._context.live.config, datetime.now(UTC)
        if config.closed(now):
            return self._render(request, who, "closed.html", {"truth": "closed"})
        opens = config.joins_open_at(now)
        if not config.joins_open(now):
            before = {
                "refresh": DOOR_SECONDS,
                "looks": COUNTED_SECONDS,
                "opens": opens,
                "opens_text": moment(opens),
                "left": seconds_until(opens.timestamp()),
                "truth": f"before:{opens.timestamp():.0f}",
            }
            return self._render(request, who, "before.html", before)
        draw = self._context.draws.record
        drawn = draw is not None and draw.closed_at is None
        values: dict[str, Any] = {
            "waiting": self._context.line.waiting,
            "opens": None,
            "opens_text": "",
            "drawn": drawn,
        }
        if not config.on_sale(now) or drawn:
            opens = self._opens()
            values |= {"opens": opens, "opens_text": moment(opens)}
        return self._render(request, who, "door.html", values | {"truth": "door"})

    def _opens(self) -> datetime:
        """When people are let in: the draw, where there is one, may be later than the configuration has it."""
        draw, opens_at = self._context.draws.record, self._context.live.config.opens_at
        return opens_at if draw is None or draw.closed_at is not None else max(draw.closes_at, opens_at)

    def _before_the_draw(self, request: Request, who: Visitor, standing: Standing) -> Response:
        opens = self._opens()
        values = {
            "refresh": max(1, round(self._context.line.retry_after(standing))),
            "standing": standing,
            "opens": opens,
            "opens_text": moment(opens),
            "left": seconds_until(opens.timestamp()),
            "kept": standing.kept,
            "waiting": self._context.line.waiting,
            "truth": f"drawing:{opens.timestamp():.0f}",
        }
        return self._render(request, who, "drawing.html", values)

    def _waiting(self, request: Request, who: Visitor, standing: Standing) -> Response:
        if standing.arrival is not None:
            return self._before_the_draw(request, who, standing)
        config, line = self._context.live.config, self._context.line
        pre_queue = not config.on_sale(datetime.now(UTC))
        seconds = line.eta(standing)
        values = {
            "refresh": max(1, round(line.retry_after(standing))),
            "standing": standing,
            "seconds": seconds,
            "wait": who.texts.wait(seconds),
            "opens": config.opens_at if pre_queue else None,
            "opens_text": moment(config.opens_at),
            "left": seconds_until(config.opens_at.timestamp()),
            "kept": standing.kept,
            "truth": f"{standing.state}:{standing.number}",
        }
        return self._render(request, who, "waiting.html", values)

    async def _choose_seats(self, request: Request, who: Visitor, standing: Standing) -> Response:
        config = self._context.live.config
        until = standing.session_until or 0.0
        values: dict[str, Any] = {
            "left": seconds_until(until),
            "truth": f"{standing.state}:{standing.number}",
            "flash": who.texts.text("turn.tab"),
        }
        zone = next((one for one in config.zones if one.name == request.query_params.get("zone")), None)
        if zone is None or zone.general_admission:
            free = {counts.zone: counts.free for counts in await self._seats.counts()}
            return self._render(request, who, "seats.html", values | {"free": free})
        shown = await self._seats.map(zone)
        rows, earlier, later = rows_of(shown.map.seats, zone.seats_per_row, request.query_params.get("from"))
        values |= {
            "zone": zone,
            "rows": rows,
            "earlier": earlier,
            "later": later,
            "free_state": ShownState.FREE,
            "free": shown.free,
            "cursor": written(shown.map.cursor),
        }
        return self._render(request, who, "map.html", values)

    def _pay(self, request: Request, who: Visitor, hold: Hold) -> Response:
        config = self._context.live.config
        until = hold.expires_at.timestamp()
        values = {
            "hold": hold,
            "truth": f"hold:{hold.id}",
            "left": seconds_until(until),
            "amount": who.texts.money(hold.amount, hold.currency),
            "payment_url": payments_url(config),
            "payment_token": grant(hold, self._context.live.signer),
            "idempotency_key": token_urlsafe(18),
        }
        return self._render(request, who, "hold.html", values, secret=True)

    async def _payment(self, request: Request, who: Visitor, payment_id: str | None) -> Response:
        payment = None
        if payment_id is not None:
            payment = await payment_statements.payment(self._context.ledger.database, self._context.event, payment_id)
        if payment is None or payment.buyer != who.buyer.user:
            values: dict[str, Any] = {"payment": None, "order": None, "refresh": None, "action": None}
            return self._render(request, who, "payment.html", values, status=404)
        order: Order | None = None
        if payment.state is PaymentState.PAID and payment.order_id:
            order = await self._context.ledger.order(self._context.event, payment.order_id)
            who.cookies.append(hold_cookie(self._context, None))
        values = {
            "payment": payment,
            "order": order,
            "refresh": PAYMENT_SECONDS if payment.state in UNSETTLED else None,
            "truth": f"payment:{payment.id}:{payment.state}",
            "action": _link(payment),
        }
        return self._render(request, who, "payment.html", values)

    async def _tickets(self, request: Request, who: Visitor, template: str = "tickets.html") -> Response:
        orders = await self._context.ledger.orders_of(self._context.event, who.buyer.user)
        truth = "done" if template == "done.html" else ""
        return self._render(request, who, template, {"orders": list(reversed(orders)), "truth": truth})

    def problem(self, request: Request, error: ProblemError, headers: Mapping[str, str] | None = None) -> Response:
        """Show a refusal as a page to who asked for one, as a document (RFC 9457) to every client of the API."""
        if request.scope["path"].startswith("/v1/") or "text/html" not in request.headers.get("accept", ""):
            return problem_response(error, headers)
        who = visitor(self._context, request)
        texts = {"text": who.texts.problem(error.problem.slug, seats="", n=self._context.live.config.max_per_buyer)}
        return self._render(request, who, "problem.html", texts, status=error.problem.status)

    def _render(
        self,
        request: Request,
        who: Visitor,
        template: str,
        values: dict[str, Any],
        *,
        secret: bool = False,
        status: int = 200,
    ) -> Response:
        config = self._context.live.config
        presale = config.presale.closes_at if config.presale and config.presale_on(datetime.now(UTC)) else None
        common = {
            "refresh": None,  # seconds; "looks" where a script need not look as often
            "looks": None,
            "notice": None,
            "problem": self._problem(request, who),
            "paused": config.paused,
            "sold_out": self._context.line.sold_out,
            "presale": presale,  # until when places are given by code, None where they are not
            "presale_text": moment(presale) if presale else "",
            "truth": "",  # what this page says of the buyer, for other tabs; nothing where it says nothing of the line
            "follows": request.query_params.keys().isdisjoint({"payment", "tickets"}),
            "flash": None,
        }
        return page(
            request,
            config,
            who.texts,
            template,
            common | values,
            look=who.look,
            cookies=who.cookies,
            secret=secret,
            status=status,
        )

    def _problem(self, request: Request, who: Visitor) -> str | None:
        """What a form that did not work has to say; it came by the address, so its words are the catalogue's."""
        slug = request.query_params.get("problem")
        if not slug:
            return None
        config = self._context.live.config
        seats = seats_named(request.query_params.get("seats", ""), (zone.name for zone in config.zones))
        if slug == Problem.SEATS_TAKEN.slug and not seats:
            slug = ""
        return who.texts.problem(slug, seats=seats, n=config.max_per_buyer)


def _link(payment: Payment) -> str | None:
    """The bank's page, where it is an address of the web."""
    if payment.state is not PaymentState.REQUIRES_ACTION or not payment.next_action:
        return None
    return payment.next_action if urlsplit(payment.next_action).scheme in {"http", "https"} else None
