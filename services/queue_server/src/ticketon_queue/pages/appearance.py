"""How the pages of one event look and what they say: our own, with what the organiser's files add or replace. Pure.

The files are the entries of the ConfigMap that ``spec.page`` names:

- ``ja.toml``       a language more (its own name as ``language``), or other words for some texts of one that we have
- ``theme.toml``    ``[light]`` and ``[dark]`` colours, ``round``, ``font``: see ``palette``
- ``logo.png``      or .svg, .webp, .jpg; shown beside the title

What is wrong in a file is named and left out; the rest of it counts. A page never fails because of them.
"""

import re
import string
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ticketon_queue.pages import palette
from ticketon_queue.pages.assets import Asset, Assets
from ticketon_queue.pages.texts import LANGUAGES, Catalogue, catalogue, flat

MOST_TOML_BYTES = 64 * 1024
#: With a page of some 12 KB the whole stays below 30 KB.
MOST_LOGO_BYTES = 12 * 1024
MOST_TEXT_CHARS = 500
MOST_LANGUAGES = 24
_CATALOGUE = re.compile(r"([a-z]{2,3})\.toml")
_LOGOS = {
    "logo.png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "logo.jpg": ("image/jpeg", b"\xff\xd8\xff"),
    "logo.webp": ("image/webp", b"RIFF"),
    "logo.svg": ("image/svg+xml", b"<"),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Appearance:
    """``logo`` is its asset's name, None where there is none."""

    catalogues: Mapping[str, Catalogue]
    assets: Assets
    logo: str | None


def appearance(files: Mapping[str, bytes]) -> tuple[Appearance, list[str]]:
    """Return what the files make of the pages, and what is wrong in them, a line each with what to do."""
    faults: list[str] = []
    catalogues = {language: catalogue(language) for language in LANGUAGES}
    theme: Mapping[str, object] = {}
    logo: tuple[str, Asset] | None = None
    for name, body in sorted(files.items()):
        if name == "theme.toml":
            theme = _toml(name, body, faults)
        elif name in _LOGOS:
            found = _logo(name, body, faults)
            logo = logo or ((name, found) if found else None)
        elif match := _CATALOGUE.fullmatch(name):
            _add(catalogues, match[1], _toml(name, body, faults, flat), faults)
        else:
            faults.append(f"{name}: not used; known are <language>.toml, theme.toml, {', '.join(_LOGOS)}")
    sheet, wrong = palette.style(theme)
    faults += [f"theme.toml: {fault}" for fault in wrong]
    assets = Assets(sheet.encode(), {logo[0]: logo[1]} if logo else {})
    return Appearance(catalogues, assets, logo[0] if logo else None), faults


def _toml(
    name: str, body: bytes, faults: list[str], shape: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Mapping[str, Any]:
    if len(body) > MOST_TOML_BYTES:
        faults.append(f"{name}: larger than {MOST_TOML_BYTES} bytes; not used")
        return {}
    try:
        return shape(tomllib.loads(body.decode()))
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, nested out of all measure
        faults.append(f"{name}: not used: {error}")
        return {}


def _add(catalogues: dict[str, Catalogue], language: str, given: Mapping[str, object], faults: list[str]) -> None:
    """Put the texts of one file over those that there are; a language that we do not have begins with the English."""
    where = f"{language}.toml"
    if language not in catalogues and ("language" not in given or len(catalogues) >= MOST_LANGUAGES):
        faults.append(
            f'{where}: a new language needs its own name, as in language = "日本語"; at most {MOST_LANGUAGES}'
        )
        return
    english = catalogue(LANGUAGES[0]).entries
    entries = dict(catalogues.get(language, catalogue(LANGUAGES[0])).entries)
    for key, text in given.items():
        fault = _fault(key, text, english)
        if fault:
            faults.append(f"{where}: {key}: {fault}")
        else:
            entries[key] = str(text)
    catalogues[language] = Catalogue(language, entries)


def _fault(key: str, text: object, english: Mapping[str, str]) -> str | None:
    """Return what is wrong with a text, None where it may stand. Texts are formatted, so fields are kept to ours."""
    if key not in english:
        return "there is no such text"
    if not isinstance(text, str) or not 0 < len(text) <= MOST_TEXT_CHARS or _CONTROL.search(text):
        return f"write 1 to {MOST_TEXT_CHARS} characters on one line"
    if key == "direction" and text not in {"ltr", "rtl"}:
        return "write ltr or rtl"
    try:
        fields = _fields(text)
    except ValueError as error:
        return f"braces: {error}"
    allowed = _fields(english[key])
    if not fields <= allowed:
        return "in braces there may be " + (", ".join(f"{{{name}}}" for name, *_ in sorted(allowed)) or "nothing")
    return None


def _fields(text: str) -> set[tuple[str, str, str | None]]:
    return {
        (name, form or "", conversion)
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None
    }


def _logo(name: str, body: bytes, faults: list[str]) -> Asset | None:
    media_type, begins = _LOGOS[name]
    if len(body) > MOST_LOGO_BYTES:
        faults.append(f"{name}: {len(body)} bytes; at most {MOST_LOGO_BYTES}, so that the page stays light; not used")
        return None
    if not body.lstrip().startswith(begins):
        faults.append(f"{name}: this is no {media_type}; not used")
        return None
    return Asset.of(body, media_type)
