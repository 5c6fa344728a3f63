"""What a page knows of whoever opened it, gathered once a request."""

import re
import time
from dataclasses import dataclass, field

from starlette.requests import Request

from ticketon_contract.problems import ProblemError
from ticketon_contract.tokens import Identity
from ticketon_queue.context import Context
from ticketon_queue.credentials import Credentials, UnknownKeyProblemError, cookie_value, new_user, set_cookie
from ticketon_queue.pages.appearance import Appearance
from ticketon_queue.pages.texts import Catalogue, choose

#: Kept beside the cookie of the tokens, so that a refreshed page finds its hold again; it is worth nothing by itself.
HOLD_SUFFIX = "-hold"
LANGUAGE_SUFFIX = "-lang"
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
    new = buyer is None
    if buyer is None:
        signer = context.live.signer
        user = new_user()
        bundle = signer.sign(Identity(user=user))
        buyer = Credentials(user, tokens=((Identity(user=user), bundle),), from_cookie=True)
        if replaceable:
            cookies.append(set_cookie(name, bundle))
    hold_id = an_id(cookie_value(header, name + HOLD_SUFFIX))
    return Visitor(buyer, look, look.catalogues[language], hold_id, new, cookies)


def hold_cookie(context: Context, hold_id: str | None) -> str:
    """Remember a hold, or forget it."""
    name = context.live.config.ref.cookie + HOLD_SUFFIX
    return set_cookie(name, hold_id or "", seconds=24 * 3600 if hold_id else 0)


def seconds_until(at: float) -> int:
    """Whole seconds from now, not below 0."""
    return max(0, int(at - time.time()))
