"""``python -m bench.money.provider``: a two-phase provider that costs next to nothing, with a latency.

It keeps its books in memory and answers what the payment server asks in a fair weather run: authorise, capture, void,
ask. Latency is lognormal by its median and its 99th percentile; a share of calls is done and never answered.
"""

import argparse
import asyncio
import json
import math
import random
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop

_P99_DEVIATIONS = 2.326


class Books:
    """What there is by id and by reference, and the faults in force."""

    def __init__(self, latency_ms: float, p99_ms: float, timeout_share: float) -> None:
        self._entries: dict[str, dict[str, object]] = {}
        self._median = latency_ms / 1000
        self._deviation = math.log(p99_ms / latency_ms) / _P99_DEVIATIONS if p99_ms > latency_ms > 0 else 0.0
        self._timeout_share = timeout_share
        self._chance = random.Random(1)

    def delay(self) -> float:
        """Seconds until this call is answered; 0 for at once."""
        if not self._median:
            return 0.0
        return self._chance.lognormvariate(math.log(self._median), self._deviation)

    def silent(self, method: str) -> bool:
        return method == "POST" and self._chance.random() < self._timeout_share

    def perform(self, method: str, target: str, body: bytes) -> dict[str, object]:
        parts = urlsplit(target)
        steps = parts.path.strip("/").split("/")
        if method == "GET":
            reference = parse_qs(parts.query)["reference"][0]
            found = self._entries.get(f"a{reference}")
            return {"items": [found] if found else []}
        if len(steps) == 2:
            reference = json.loads(body)["reference"]
            return self._entries.setdefault(f"a{reference}", {"id": f"a{reference}", "state": "authorized"})
        entry = self._entries[steps[2]]
        entry["state"] = {"capture": "captured", "void": "voided"}[steps[3]]
        return entry


class Connection(asyncio.Protocol):
    """HTTP/1.1 as the payment server speaks it: a head, a Content-Length where there is a body, one at a time."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length: ")
        length = int(lower[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        answer = self._books.perform(method, target, rest[:length])
        if self._books.silent(method):
            return
        delay = self._books.delay()
        if delay:
            asyncio.get_running_loop().call_later(delay, self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def serve(port: int, books: Books) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(books), "127.0.0.1", port)
    print(json.dumps({"message": "listening", "http_port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.money.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=0.0, help="median")
    parser.add_argument("--latency-p99-ms", type=float, default=0.0)
    parser.add_argument("--timeout-share", type=float, default=0.0)
    arguments = parser.parse_args()
    books = Books(arguments.latency_ms, arguments.latency_p99_ms, arguments.timeout_share)
    uvloop.run(serve(arguments.port, books))


if __name__ == "__main__":
    main()
