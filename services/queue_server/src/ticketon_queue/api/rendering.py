"""Small documents as bytes, with entity tags that every replica computes alike. Pure."""

import hashlib
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response


def compact(document: dict[str, Any]) -> bytes:
    """JSON without spaces, UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def entity_tag(body: bytes) -> str:
    return f'"{hashlib.blake2s(body, digest_size=9).hexdigest()}"'


def json_response(document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer without a model in between, for routes that many call."""
    return Response(compact(document), status, headers, "application/json")


def cacheable(request: Request, body: bytes, *, seconds: int, media_type: str = "application/json") -> Response:
    """Answer the same to everybody: kept by caches for ``seconds``, 304 to who has it already."""
    headers = {"cache-control": f"public, max-age={seconds}", "etag": entity_tag(body)}
    if headers["etag"] in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type)
