"""The style sheet and the script, read once, under names that change with their contents and are kept for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_NAMES = ("page.css", "page.js", "icon.svg")


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    compressed: bytes
    media_type: str


@cache
def _loaded() -> tuple[dict[str, str], dict[str, Asset]]:
    names: dict[str, str] = {}
    assets: dict[str, Asset] = {}
    for name in _NAMES:
        body = files("ticketon_queue").joinpath("pages", "static", name).read_bytes()
        stem, _, ending = name.partition(".")
        hashed = f"{stem}.{hashlib.blake2s(body, digest_size=6).hexdigest()}.{ending}"
        names[name] = hashed
        assets[hashed] = Asset(body, gzip.compress(body, mtime=0), _TYPES[ending])
    return names, assets


def hashed_name(name: str) -> str:
    """Return the name under which ``name`` is served."""
    return _loaded()[0][name]


def find(hashed: str) -> Asset | None:
    return _loaded()[1].get(hashed)
