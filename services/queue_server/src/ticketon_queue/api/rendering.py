"""Small documents as bytes, with entity tags that every replica computes alike; answers. Pure."""

import hashlib
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ticketon_http.express import Answer


def compact(document: dict[str, Any]) -> bytes:
    """JSON without spaces, UTF-8."""
    return msgspec.json.encode(document)


def response_of(answer: Answer) -> Response:
    """Return a plain answer as the framework's."""
    response = Response(answer.body, answer.status)
    response.raw_headers = [*response.raw_headers, *answer.headers]
    return response


def entity_tag(body: bytes) -> str:
    return f'"{hashlib.blake2s(body, digest_size=9).hexdigest()}"'


def cacheable(
    request: Request, body: bytes, *, seconds: int, media_type: str = "application/json", tag: str | None = None
) -> Response:
    """Answer the same to everybody: kept by caches for ``seconds``, 304 to who has it already.

    Tags are compared weakly (RFC 9110, 8.8.3.2): a proxy that compresses an answer makes its tag a weak one.
    """
    headers = {"cache-control": f"public, max-age={seconds}", "etag": tag or entity_tag(body)}
    known = (one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(","))
    if headers["etag"].removeprefix("W/") in known:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type)
