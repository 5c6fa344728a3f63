"""From a login's token to a buyer, for the API and the page alike."""

from starlette.requests import Request

from ticketon_contract.problems import Problem, ProblemError
from ticketon_queue.context import Context
from ticketon_queue.credentials import Credentials
from ticketon_queue.login import ClaimError, user_of
from ticketon_queue.login_keys import KeysAwayError

#: The issuer is asked again this soon.
RETRY_SECONDS = 5


async def identified(context: Context, request: Request, claim: str) -> Credentials:
    """Return who the token speaks of, with the place that this device has already.

    Raises NOT_FOUND where no login is asked for, CLAIM_INVALID, UNAVAILABLE while the issuer's keys cannot be read.
    """
    login = context.live.config.login
    if login is None:
        raise ProblemError(Problem.NOT_FOUND, "no login is asked for here: GET /v1/identity gives an identity")
    try:
        subject = await context.logins.subject(claim, login)
    except ClaimError as error:
        raise ProblemError(Problem.CLAIM_INVALID, f"{error.reason}; {context.how_to_be_known}") from error
    except KeysAwayError as error:
        detail = "the login's keys cannot be read for a moment; come again"
        raise ProblemError(Problem.UNAVAILABLE, detail, retry_after_seconds=RETRY_SECONDS) from error
    user = user_of(subject, login, context.live.signer)
    try:
        known = context.buyer_if_known(request)
    except ProblemError:
        known = None
    return known if known is not None and known.user == user else Credentials(user, from_cookie=True)
