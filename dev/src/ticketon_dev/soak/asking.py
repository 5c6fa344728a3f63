"""The line's own client: joins over connections that stay open, each to a server that may be dead.

It knows as much HTTP/1.1 as it needs, because a million joins by a whole client would measure that client.
"""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

ANSWER_SECONDS = 10.0
_HEAD_END = b"\r\n\r\n"


class NoAnswerError(Exception):
    """The connection broke, or nobody answered in time: what was asked for may have been done."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: dict[str, Any]


class Asker:
    """One connection at a time, to one of the ports; after each failure to another one, by chance."""

    def __init__(self, ports: list[int], draw: random.Random) -> None:
        self._ports = ports
        self._draw = draw
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, *, token: str) -> Reply:
        """Ask once; raises NoAnswerError."""
        lines = (
            f"{method} {path} HTTP/1.1",
            "Host: tickets.soak",
            f"Authorization: Bearer {token}",
            "Content-Length: 0",
        )
        request = "\r\n".join((*lines, "", ""))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._draw.choice(self._ports))
                reader, writer = self._streams
                writer.write(request.encode())
                head = await reader.readuntil(_HEAD_END)
                status, length, closes = _head(head)
                body = await reader.readexactly(length)
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NoAnswerError(type(error).__name__) from error
        except BaseException:
            self.close()
            raise
        if closes:
            self.close()
        return Reply(status, json.loads(body or b"{}"))

    def close(self) -> None:
        """Drop the connection; the next question makes another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _head(head: bytes) -> tuple[int, int, bool]:
    """Status, length of the body, whether the connection ends; raises ValueError."""
    lines = head.split(b"\r\n")
    status = int(lines[0].split(b" ", 2)[1])
    length, closes = 0, False
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        match name.lower():
            case b"content-length":
                length = int(value)
            case b"connection":
                closes = value.strip().lower() == b"close"
    return status, length, closes
