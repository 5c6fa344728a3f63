"""What a page knows of whoever opened it, gathered once a request."""

import re
import time
from dataclasses import dataclass, field

from msgspec.structs import replace
from starlette.requests import Request

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Identity
from ticketon_queue.context import Context
from ticketon_queue.credentials import (
    Credentials,
    UnknownKeyProblemError,
    cookie_value,
    new_user,
    set_cookie,
    verify,
)
from ticketon_queue.login import of_login
from ticketon_queue.pages.appearance import Appearance
from ticketon_queue.pages.texts import Catalogue, choose

#: Kept beside the cookie of the tokens, so that a refreshed page finds its hold again; it is worth nothing by itself.
HOLD_SUFFIX = "-hold"
LANGUAGE_SUFFIX = "-lang"
#: What a login's form left. That form comes from another site, so it comes without the cookie of the tokens; the page
#: that follows puts both together, and a place that this device has already stays.
LOGIN_SUFFIX = "-login"
LOGIN_SECONDS = 600
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def an_id(text: str | None) -> str | None:
    """Return what may be the id of a hold or a payment; None for anything else that came by cookie or address."""
    return text if text is not None and _ID.fullmatch(text) else None


@dataclass
class Visitor:
    """``cookies`` are set with the answer."""

    buyer: Credentials
    look: Appearance
    texts: Catalogue
    hold_id: str | None
    new: bool = False  # nobody has seen this identity before
    cookies: list[str] = field(default_factory=list)


def visitor(context: Context, request: Request) -> Visitor:
    """Who asks, in which language. Who has no identity, or one that no longer counts, gets a new one."""
    name = context.live.config.ref.cookie
    header = request.headers.get("cookie", "")
    asked = request.query_params.get("lang")
    look = context.pages.current
    wanted = asked or cookie_value(header, name + LANGUAGE_SUFFIX)
    language = choose(wanted, request.headers.get("accept-language", ""), look.catalogues)
    cookies = [set_cookie(name + LANGUAGE_SUFFIX, language)] if asked else []
    replaceable = True
    try:
        buyer = context.buyer_if_known(request)
    except UnknownKeyProblemError:  # a key that this server has not been given yet: keep the cookie, for it may be good
        buyer, replaceable = None, request.method != "GET"
    except ProblemError:
        buyer = None
    if context.live.config.login is not None:
        buyer = _logged_in(context, header, buyer, cookies)
        if buyer is None and request.method != "GET":
            raise ProblemError(Problem.IDENTITY_REQUIRED, context.how_to_be_known)
    new = buyer is None
    if buyer is None and context.live.config.login is not None:
        buyer = Credentials("", from_cookie=True)  # the page asks to log in, and nothing else
    if buyer is None:
        signer = context.live.signer
        user = new_user()
        bundle = signer.sign(Identity(user=user))
        buyer = Credentials(user, tokens=((Identity(user=user), bundle),), from_cookie=True)
        if replaceable:
            cookies.append(set_cookie(name, bundle))
    hold_id = an_id(cookie_value(header, name + HOLD_SUFFIX))
    return Visitor(buyer, look, look.catalogues[language], hold_id, new, cookies)


def login_cookie(context: Context, buyer: Credentials) -> str:
    """What the login's form leaves for the page that follows."""
    name = context.live.config.ref.cookie + LOGIN_SUFFIX
    return set_cookie(name, buyer.bundle(context.live.signer), seconds=LOGIN_SECONDS)


def _logged_in(context: Context, header: str, buyer: Credentials | None, cookies: list[str]) -> Credentials | None:
    """Who has just logged in, with the place that the same account has on this device; else ``buyer``."""
    name, signer = context.live.config.ref.cookie, context.live.signer
    bundle = cookie_value(header, name + LOGIN_SUFFIX)
    if bundle is None:
        return buyer
    cookies.append(set_cookie(name + LOGIN_SUFFIX, "", seconds=0))
    try:
        logged_in = verify(bundle, signer, now=time.time())
    except ProblemError:
        return buyer
    if not of_login(logged_in.user) or (buyer is not None and buyer.user == logged_in.user):
        return buyer
    cookies.append(set_cookie(name, logged_in.bundle(signer)))
    return replace(logged_in, from_cookie=True)


def hold_cookie(context: Context, hold_id: str | None) -> str:
    """Remember a hold, or forget it."""
    name = context.live.config.ref.cookie + HOLD_SUFFIX
    return set_cookie(name, hold_id or "", seconds=24 * 3600 if hold_id else 0)


def seconds_until(at: float) -> int:
    """Whole seconds from now, not below 0."""
    return max(0, int(at - time.time()))
