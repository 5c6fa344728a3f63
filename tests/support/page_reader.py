"""A browser without JavaScript: cookies, forms, redirects of one event's pages."""

import html
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from support.queue_sale import BASE, ORIGIN, Sale

_FORM = re.compile(r'<form method="post" action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)"')


@dataclass
class Reader:
    """``page`` is what is shown now."""

    sale: Sale
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""
    answer: httpx.Response | None = None

    async def open(self, path: str = "/") -> str:
        """Open an address of the event; follows redirects, which must stay at the event."""
        return await self._ask("GET", path)

    async def submit(self, action: str, **fields: str | list[str]) -> str:
        """Submit the first form of the page with this action, with its hidden fields and those given."""
        found = next(body for at, body in _FORM.findall(self.page) if at == f"/gala{action}")
        hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(found)}
        return await self._ask("POST", action, urlencode(hidden | fields, doseq=True))

    def form_fields(self, action: str) -> dict[str, str]:
        """Return the hidden fields of the form that goes to this address."""
        found = next(body for at, body in _FORM.findall(self.page) if at == action)
        return {name: html.unescape(value) for name, value in _HIDDEN.findall(found)}

    @property
    def shown(self) -> httpx.Response:
        assert self.answer is not None
        return self.answer

    async def _ask(self, method: str, path: str, body: str | None = None) -> str:
        headers = {
            "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "accept-language": self.language,
            **({"content-type": "application/x-www-form-urlencoded", "origin": ORIGIN} if body is not None else {}),
        }
        url = f"{self.sale.servers[0].url}/gala{path}"
        self.answer = await self.sale.client.request(method, url, headers=headers, content=body)
        for header in self.answer.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        if self.answer.status_code == 303:
            location = self.answer.headers["location"]
            assert location.startswith(f"{BASE}/")
            return await self._ask("GET", location.removeprefix(BASE))
        self.page = self.answer.text
        return self.page
