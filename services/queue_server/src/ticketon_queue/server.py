"""Puts a queue server together: files, stores, line, API and pages; opens them in order and closes them in reverse."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from starlette.types import ASGIApp

from ticketon_contract import connections
from ticketon_http.ending import ended
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_http.settings import ServerSettings
from ticketon_ledger import Ledger
from ticketon_queue.api import routes
from ticketon_queue.api.express import ExpressLane
from ticketon_queue.api.hold_routes import HoldRoutes
from ticketon_queue.api.line_events import LineEvents
from ticketon_queue.api.line_routes import LineRoutes
from ticketon_queue.api.seat_routes import SeatRoutes
from ticketon_queue.api.seats import Seats
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.codes import Codes
from ticketon_queue.context import Context
from ticketon_queue.drawn_line import DrawnLine
from ticketon_queue.draws import Draws
from ticketon_queue.feed import Feed
from ticketon_queue.fence import Fence
from ticketon_queue.gateway import Gateway
from ticketon_queue.holding import Holding
from ticketon_queue.line_store import LineStore
from ticketon_queue.login_keys import LoginKeyring
from ticketon_queue.pages import forms
from ticketon_queue.pages.folder import FOLDER, PageFolder
from ticketon_queue.pages.views import Views
from ticketon_queue.ticker import Ticker

#: Holds are short statements; more connections than this only queue inside Postgres, whose default allows 100 in all.
LEDGER_CONNECTIONS = 5
#: What the ticker is in the middle of is given up sooner than this.
TICK_SECONDS = 5.0


def assemble(context: Context) -> ASGIApp:
    """Return the ASGI application over what is already open."""
    seats = Seats(context.ledger, context.event)
    line = LineRoutes(context)
    events = LineEvents(context, lambda: line.shared()[0])
    holding = Holding(context)
    views = Views(context, line, seats, holding)
    hold_routes = HoldRoutes(context, holding)
    seat_routes = SeatRoutes(context, seats)
    app = routes.build(context, seat_routes, holding, line=line, events=events, hold_routes=hold_routes)
    forms.add(app, views, forms.Forms(context, line, holding))
    hot = {
        ("GET", "/"): views.page,
        ("POST", "/v1/line"): line.join,
        ("GET", "/v1/line"): line.look,
        ("GET", "/v1/serving"): line.serving,
        ("GET", "/v1/identity"): line.identity,
        ("GET", "/v1/seats"): seat_routes.look,
        ("POST", "/v1/holds"): hold_routes.hold,
        ("GET", "/v1/line/events"): events.open,
    }
    return Gateway(
        context.live, app, hot, views.problem, lambda measured: ExpressLane(context, line, hold_routes, measured)
    )


@contextlib.asynccontextmanager
async def application(settings: ServerSettings, environ: Mapping[str, str], health: Health) -> AsyncIterator[ASGIApp]:
    """A server that runs until its context ends. Stores may be away: it starts, and goes on when they are there."""
    redis_url, postgres_url = connections.redis_url(environ), connections.postgres_url(environ)
    live = LiveEvent.from_files(settings.event_file, settings.keys_file)
    ref = live.config.ref
    fence = Fence()
    visitors, ticking = (LineStore(redis_url, ref, fence=fence) for _ in range(2))
    async with await Ledger.connect(postgres_url, max_connections=LEDGER_CONNECTIONS) as ledger:
        ceilings = Ceilings(ledger, str(ref), fence)
        draws = Draws(live, ledger)
        line = DrawnLine(live, visitors, ceilings, draws)
        pages = PageFolder(ref, Path(environ.get("TICKETON_PAGE_FOLDER") or FOLDER))
        context = Context(
            live=live,
            line=line,
            draws=draws,
            codes=Codes(ledger, str(ref)),
            ledger=ledger,
            feed=Feed(),
            health=health,
            pages=pages,
            logins=LoginKeyring(),
        )
        ticker = Ticker(
            live=live,
            line=line,
            draws=draws,
            feed=context.feed,
            store=ticking,
            ceilings=ceilings,
            ledger=ledger,
            health=health,
        )
        running = asyncio.create_task(ticker.run())
        try:
            yield assemble(context)
        finally:
            await ended([running], again_seconds=TICK_SECONDS)
            await asyncio.gather(visitors.close(), ticking.close())
