"""The page's colours and shape, an organiser's in place of ours where they are safe and can be read. Pure.

A theme names colours, a corner radius and a font out of a few; nothing of it is passed on as CSS text. Colours that
stand on one another must keep the contrast of WCAG 2.2 (1.4.3: 4.5 to 1, 1.4.11: 3 to 1), or the scheme stays ours.
"""

import re
from collections.abc import Mapping
from typing import Any

LIGHT = {
    "ink": "#171923",
    "soft": "#4a5063",
    "paper": "#ffffff",
    "ground": "#f3f4f9",
    "line": "#d6d9e6",
    "brand": "#4338ca",
    "on_brand": "#ffffff",
    "brand_soft": "#e9e8fd",
    "warn": "#8a3b00",
    "warn_soft": "#fff1e2",
    "good": "#0b6b3a",
    "good_soft": "#e3f6ea",
    "off": "#6b7085",
}
DARK = {
    "ink": "#f0f1f8",
    "soft": "#b6bbcf",
    "paper": "#1c1f2c",
    "ground": "#12141d",
    "line": "#3a3f54",
    "brand": "#a5a1ff",
    "on_brand": "#14122e",
    "brand_soft": "#2b2950",
    "warn": "#ffc48a",
    "warn_soft": "#43290f",
    "good": "#8fe3b0",
    "good_soft": "#123a24",
    "off": "#9499ad",
}
TEXT_CONTRAST = 4.5
EDGE_CONTRAST = 3.0
#: What is written on what.
_WRITTEN = (
    ("ink", "paper"),
    ("ink", "ground"),
    ("ink", "brand_soft"),
    ("soft", "paper"),
    ("soft", "ground"),
    ("soft", "line"),
    ("brand", "paper"),
    ("brand", "ground"),
    ("on_brand", "brand"),
    ("warn", "warn_soft"),
    ("good", "good_soft"),
    ("good", "paper"),
)
_EDGES = (("off", "paper"), ("brand", "paper"))
FONTS = {
    "system": 'system-ui,-apple-system,"Segoe UI","Apple SD Gothic Neo","Noto Sans KR","Noto Sans CJK KR",NanumGothic,'
    '"Malgun Gothic",sans-serif',
    "serif": 'Georgia,"Apple Myungjo","Noto Serif KR","Noto Serif CJK KR",NanumMyeongjo,Batang,serif',
}
ROUND_PX = 16
MOST_ROUND_PX = 32
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1 (WCAG 2.2, definition of relative luminance)."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    lower, higher = sorted((luminance(one), luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def scheme(ours: Mapping[str, str], given: object, where: str) -> tuple[Mapping[str, str], list[str]]:
    """Return the colours in force and what is wrong with those that were given."""
    if given is None:
        return ours, []
    if not isinstance(given, Mapping):
        return ours, [f"{where}: write a table of colours"]
    faults = [
        f"{where}.{name}: there is no such colour; known: {', '.join(ours)}" for name in given if name not in ours
    ]
    good = {name: str(value).lower() for name, value in given.items() if name in ours and _is_colour(value)}
    faults += [f'{where}.{name}: write a colour as "#rrggbb"' for name in given if name in ours and name not in good]
    mixed = {**ours, **good}
    unread = [
        f"{where}: {upper} on {lower} has a contrast of {contrast(mixed[upper], mixed[lower]):.1f}, "
        f"at least {least} is needed; our colours stay"
        for pairs, least in ((_WRITTEN, TEXT_CONTRAST), (_EDGES, EDGE_CONTRAST))
        for upper, lower in pairs
        if contrast(mixed[upper], mixed[lower]) < least
    ]
    return (ours if unread else mixed), faults + unread


def style(theme: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the style sheet's first lines, which everything in page.css refers to, and what is wrong in the theme."""
    light, faults = scheme(LIGHT, theme.get("light"), "light")
    dark, more = scheme(DARK, theme.get("dark"), "dark")
    faults += more
    round_px, font = theme.get("round", ROUND_PX), theme.get("font", "system")
    if not isinstance(round_px, int) or not 0 <= round_px <= MOST_ROUND_PX:
        faults.append(f"round: write whole pixels from 0 to {MOST_ROUND_PX}")
        round_px = ROUND_PX
    if not isinstance(font, str) or font not in FONTS:
        faults.append(f"font: choose one of {', '.join(FONTS)}")
        font = "system"
    faults += [f"{name}: there is no such setting" for name in theme if name not in {"light", "dark", "round", "font"}]
    sheet = (
        f":root{{color-scheme:light dark;{_variables(light)};--round:{round_px:d}px;--font:{FONTS[font]}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{{_variables(dark)}}}}}\n"
    )
    return sheet, faults


def _is_colour(value: object) -> bool:
    return isinstance(value, str) and _COLOUR.fullmatch(value) is not None


def _variables(colours: Mapping[str, str]) -> str:
    return ";".join(f"--{name.replace('_', '-')}:{value}" for name, value in colours.items())
