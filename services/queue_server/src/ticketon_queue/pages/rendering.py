"""A page as an answer: template, texts, security headers, compression. The only importer of Jinja2."""

import gzip
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import Response

from ticketon_contract.config import EventConfig
from ticketon_http.origins import origin_of
from ticketon_queue.pages.appearance import Appearance
from ticketon_queue.pages.texts import Catalogue, clock

#: Smaller pages fit one packet anyway.
COMPRESS_FROM_BYTES = 1400

_templates = Environment(
    loader=PackageLoader("ticketon_queue", "pages/templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def content_security_policy(config: EventConfig) -> str:
    """Nothing inline, nothing from elsewhere; forms go here and to the payment address, which sends them back."""
    payments = origin_of(config.payments.base_url)
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self' {payments}; base-uri 'none'; frame-ancestors 'none'"
    )


def headers(config: EventConfig) -> dict[str, str]:
    """What every page carries. Origins of forms are checked, so the referrer policy must leave Origin alone."""
    return {
        "Content-Security-Policy": content_security_policy(config),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-store",
        "Vary": "Accept-Language, Cookie, Accept-Encoding",
    }


def page(
    request: Request,
    config: EventConfig,
    texts: Catalogue,
    template: str,
    values: Mapping[str, Any],
    *,
    look: Appearance,
    cookies: list[str],
    secret: bool = False,
    status: int = 200,
) -> Response:
    """Render ``template``. A page with a ``secret`` is not compressed: its length would tell about it (BREACH)."""
    base = urlsplit(config.base_url).path
    query = [(key, value) for key, value in request.query_params.multi_items() if key in {"payment", "zone", "from"}]
    html = _templates.get_template(template).render(
        config=config,
        t=texts.text,
        texts=texts,
        base=base,
        css=f"{base}/assets/{look.assets.hashed_name('page.css')}",
        js=f"{base}/assets/{look.assets.hashed_name('page.js')}",
        work=f"{base}/assets/{look.assets.hashed_name('work.js')}",
        icon=f"{base}/assets/{look.assets.hashed_name('icon.svg')}",
        logo=f"{base}/assets/{look.assets.hashed_name(look.logo)}" if look.logo else None,
        others=[
            (code, other.text("language"), other.text("direction"))
            for code, other in look.catalogues.items()
            if code != texts.language
        ],
        query=query,
        clock=clock,
        view=template.removesuffix(".html"),
        **values,
    )
    body = html.encode()
    answer_headers = headers(config) | {"Content-Language": texts.language}
    if not secret and len(body) >= COMPRESS_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=5, mtime=0)
        answer_headers["Content-Encoding"] = "gzip"
    response = Response(body, status, answer_headers, "text/html")
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response
