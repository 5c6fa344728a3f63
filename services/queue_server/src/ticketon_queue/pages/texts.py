"""Catalogues of the page's texts, the choice of a language, money and times in words. Pure but for its files."""

import tomllib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

#: The first is what somebody gets whose languages we do not have.
LANGUAGES = ("en", "ko")
#: ISO 4217: digits behind the point, where they are not two; all of them, for a price is shown wrong without.
_CURRENCIES_OF = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {currency: digits for digits, currencies in _CURRENCIES_OF.items() for currency in currencies.split()}


class Catalogue:
    """Texts of one language: ``text("waiting.title")``, with ``{names}`` filled in."""

    def __init__(self, language: str, entries: Mapping[str, str]) -> None:
        self.language = language
        self.entries = entries

    def text(self, key: str, **values: object) -> str:
        """Raises KeyError for a key that the catalogue does not have."""
        return self.entries[key].format(**values) if values else self.entries[key]

    def money(self, amount: int, currency: str) -> str:
        """``150,000원`` or ``KRW 150,000``; ``amount`` is in minor units."""
        exponent = _EXPONENTS.get(currency, 2)
        number = f"{amount / 10**exponent:,.{exponent}f}"
        return f"{number}원" if (self.language, currency) == ("ko", "KRW") else f"{currency} {number}"

    def wait(self, seconds: float | None) -> str:
        """A wait in words, rounded up: nobody minds being early."""
        if seconds is None:
            return self.text("waiting.unknown")
        minutes = -(-int(seconds) // 60)
        if minutes <= 1:
            return self.text("waiting.minute")
        if minutes < 60:
            return self.text("waiting.minutes", n=minutes)
        return self.text("waiting.hours", h=minutes // 60, n=minutes % 60)

    def problem(self, slug: str, **values: object) -> str:
        """What a page says of a problem; one sentence for those that it does not know."""
        key = f"problem.{slug}" if f"problem.{slug}" in self.entries else "problem.other"
        text = self.entries[key]
        return text.format(**values) if values and "{" in text else text


@cache
def catalogue(language: str) -> Catalogue:
    """Return one of LANGUAGES."""
    source = files("ticketon_queue").joinpath("pages", "catalogues", f"{language}.toml").read_text()
    return Catalogue(language, flat(tomllib.loads(source)))


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"waiting": {"title": "…"}}`` as ``{"waiting.title": "…"}``."""
    entries: dict[str, Any] = {}
    for key, value in table.items():
        entries |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return entries


def choose(asked: str | None, accept_language: str, languages: Collection[str] = LANGUAGES) -> str:
    """Take ``?lang=``, else the best of Accept-Language (RFC 9110, section 12.5.4) that we have."""
    if asked in languages:
        return str(asked)
    weighted: list[tuple[float, int, str]] = []
    for index, part in enumerate(accept_language[:200].split(",")):
        tag, _, parameter = part.strip().partition(";")
        language = tag.split("-")[0].strip().lower()
        if language in languages:
            weighted.append((-_weight(parameter), index, language))
    return min(weighted)[2] if weighted else LANGUAGES[0]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def clock(seconds: int) -> str:
    """``1:02:03`` or ``2:03``: what is left, before the script counts it down."""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def moment(at: datetime) -> str:
    """A time as a page shows it without JavaScript, which knows the reader's own zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
