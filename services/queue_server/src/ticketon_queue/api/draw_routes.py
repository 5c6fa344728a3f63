"""The draw, published: what was committed to and, once places are drawn, the secret, the root and the log in pages."""

import asyncio
import gzip
from collections import OrderedDict

from fastapi import FastAPI, Request
from starlette.responses import Response

from ticketon_contract.draw import PAGE_ENTRIES
from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.problems import documented
from ticketon_ledger import Draw
from ticketon_queue.api import documents, models
from ticketon_queue.api.rendering import cacheable, entity_tag
from ticketon_queue.context import Context

#: The record is read every second; whoever notes heads wants them fresh.
OPEN_SECONDS = 2
DRAWN_SECONDS = 60
#: A page of the log never changes.
PAGE_SECONDS = 365 * 24 * 3600
#: Some 6 MB of compressed pages: a crowd that reads the log reads the same pages at the same time.
KEPT_PAGES = 16
#: Hashes hardly compress; more work than this wins nothing.
COMPRESSION = 1


class Pages:
    """The log's pages, compressed, a few in memory. One is read at a time: seats are being sold meanwhile."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._turn = asyncio.Lock()

    async def page(self, number: int) -> bytes:
        """One line an entry: its index, a space, its hash in hexadecimal. Raises LedgerUnavailable."""
        kept = self._kept.get(number)
        if kept is None:
            async with self._turn:
                kept = self._kept.get(number) or await self._read(number)
                self._kept[number] = kept
                while len(self._kept) > KEPT_PAGES:
                    self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return kept

    async def _read(self, number: int) -> bytes:
        first = (number - 1) * PAGE_ENTRIES + 1
        entries = await self._context.ledger.log_page(self._context.event, first=first, last=first + PAGE_ENTRIES - 1)
        text = "".join(f"{index} {entry.hex()}\n" for index, entry in enumerate(entries, first))
        return await asyncio.to_thread(gzip.compress, text.encode(), compresslevel=COMPRESSION, mtime=0)


def add(app: FastAPI, context: Context) -> None:
    """Add the two routes."""
    pages = Pages(context)

    def record() -> Draw:
        found = context.draws.record
        if found is None:
            raise ProblemError(Problem.NOT_FOUND, "no places are drawn here: the line is in order of arrival")
        return found

    @app.get(
        "/v1/draw",
        tags=["draw"],
        summary="What the draw is committed to, and how it ended",
        response_model=models.DrawDocument,
        responses=documented(Problem.NOT_FOUND),
    )
    async def draw(request: Request) -> Response:
        found = record()
        body = documents.draw_document(context.live.config, found).model_dump_json().encode()
        return cacheable(request, body, seconds=OPEN_SECONDS if found.closed_at is None else DRAWN_SECONDS)

    @app.get(
        "/v1/draw/log/{page}",
        tags=["draw"],
        summary="A page of the arrival log, once it is closed",
        responses={200: {"content": {"text/plain": {}}}, **documented(Problem.NOT_FOUND, Problem.UNAVAILABLE)},
    )
    async def log_page(request: Request, page: int) -> Response:
        found = record()
        last = -(-found.arrivals // PAGE_ENTRIES)
        if found.closed_at is None or not 1 <= page <= last:
            detail = (
                "the log is published once places are drawn" if found.closed_at is None else f"pages are 1 to {last}"
            )
            raise ProblemError(Problem.NOT_FOUND, detail)
        body = await pages.page(page)
        headers = {
            "cache-control": f"public, max-age={PAGE_SECONDS}, immutable",
            "etag": entity_tag(body),
            "vary": "accept-encoding",
        }
        if headers["etag"] in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(body, 200, headers | {"content-encoding": "gzip"}, "text/plain")
        return Response(gzip.decompress(body), 200, headers, "text/plain")
