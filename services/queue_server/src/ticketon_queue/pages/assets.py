"""The style sheet, the script and pictures under names that change with their contents and are kept for ever. Pure.

Servers of one event may differ for a while, as when they are replaced or a theme arrives: a name that this server does
not know, of an asset that it has, gets what it has, for this once.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_HASHED = re.compile(r"([a-z]+)\.[0-9a-f]{12}\.([a-z]+)")
_OURS = ("page.css", "page.js", "work.js", "icon.svg")


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    compressed: bytes
    media_type: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> Self:
        return cls(body, gzip.compress(body, mtime=0), media_type)


@cache
def _source(name: str) -> bytes:
    return files("ticketon_queue").joinpath("pages", "static", name).read_bytes()


class Assets:
    """``variables`` go before the style sheet; ``more`` are an organiser's."""

    def __init__(self, variables: bytes, more: Mapping[str, Asset]) -> None:
        ours = {name: Asset.of(_source(name), _TYPES[name.rpartition(".")[2]]) for name in _OURS}
        ours["page.css"] = Asset.of(variables + _source("page.css"), _TYPES["css"])
        self._assets = {**ours, **more}
        self._names = {name: _hashed(name, asset) for name, asset in self._assets.items()}

    def hashed_name(self, name: str) -> str:
        """Return the name under which ``name`` is served."""
        return self._names[name]

    def find(self, hashed: str) -> tuple[Asset, bool] | None:
        """Return the asset, and whether this is its name for ever."""
        match = _HASHED.fullmatch(hashed)
        name = f"{match[1]}.{match[2]}" if match else ""
        asset = self._assets.get(name)
        return None if asset is None else (asset, self._names[name] == hashed)


def _hashed(name: str, asset: Asset) -> str:
    stem, _, ending = name.partition(".")
    return f"{stem}.{hashlib.blake2s(asset.body, digest_size=6).hexdigest()}.{ending}"
