"""The proof of work before a place is taken: self-hosted, stateless, its difficulty follows the load. Pure.

A prefix of addresses that joins more than its share (``crowding``) gets up to PREFIX_BITS more, a bit for each doubling
over its budget, and is never refused: behind an address there may be a carrier's customers.

A challenge is signed for one identity and lives two minutes. Its solution is the nonce for which SHA-256 of
``<seed>.<nonce>`` begins with ``bits`` zero bits, where the seed is a hash of the challenge. It is worth one place: the
same identity has the same place however often it asks, so nothing needs to be remembered of what was solved.

What it costs: 2^bits hashes on average. The page's script makes some 860,000 a second on one core of a server; a slow
phone is taken as an eighth of that, so that LEAST_BITS take 0.2 s of it, MOST_BITS 2.5 s, and MOST_BITS_OF_ALL 10 s.
A bot with native code is 10 to 100 times as fast as the script: it pays for each of its names, and is not kept out.
"""

import hashlib
import math
from collections.abc import Callable

from ticketon_contract.config import ChallengeMode, EventConfig
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Challenge, Signer, TokenError

LEAST_BITS = 14
MOST_BITS = 18
#: For prefixes that are crowded.
PREFIX_BITS = 4
MOST_BITS_OF_ALL = 20
LIFE_SECONDS = 120
SEPARATOR = "~"
#: Fewer arrivals are no crowd, however slowly people are let in.
CALM_PER_SECOND = 5.0
MOST_NONCE_DIGITS = 15
SEED_CHARS = 32


def wanted_bits(mode: ChallengeMode, joins_per_second: float, per_minute: int, crowding: float = 0.0) -> int | None:
    """Return the difficulty, None where nothing is asked for. Each doubling of arrivals over the rate is a bit more.

    ``crowding``: how many times over its budget the prefix is that the join comes from; below 1 it is within.
    """
    if mode is ChallengeMode.OFF:
        return None
    more = min(PREFIX_BITS, int(math.log2(crowding))) if crowding >= 1 else 0
    ratio = joins_per_second * 60 / per_minute
    if joins_per_second < CALM_PER_SECOND or ratio < 1:
        return LEAST_BITS + more if mode is ChallengeMode.ALWAYS or more else None
    return min(MOST_BITS_OF_ALL, min(MOST_BITS, LEAST_BITS + int(math.log2(ratio))) + more)


def seed_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:SEED_CHARS]


def zero_bits(seed: str, nonce: str) -> int:
    """Count the zero bits that the hash begins with."""
    digest = hashlib.sha256(f"{seed}.{nonce}".encode()).digest()
    return len(digest) * 8 - int.from_bytes(digest).bit_length()


def require(
    config: EventConfig,
    signer: Signer,
    user: str,
    answer: str | None,
    *,
    joins_per_second: float,
    now: float,
    crowding: Callable[[], float] = lambda: 0.0,
) -> None:
    """Raise CHALLENGE_WANTED, with a new challenge, unless none is wanted or ``answer`` solves one of this user.

    ``crowding`` is asked where there is no answer that solves one: so a join counts once for its prefix.
    """
    if answer and solves(answer, signer, user, now):
        return
    bits = wanted_bits(config.challenge.mode, joins_per_second, config.admission.per_minute, crowding())
    if bits is None:
        return
    token = signer.sign(Challenge(user=user, bits=bits, expires_at=int(now) + LIFE_SECONDS))
    detail = (
        f"find a whole number n for which SHA-256 of '<seed>.<n>' begins with {bits} zero bits, "
        f"and POST again with challenge: '<challenge>{SEPARATOR}<n>' within {LIFE_SECONDS} s"
    )
    extra = {"challenge": token, "seed": seed_of(token), "bits": bits}
    raise ProblemError(Problem.CHALLENGE_WANTED, detail, extra)


def solves(answer: str, signer: Signer, user: str, now: float) -> bool:
    """Whether it is the solution of a challenge of this user that is not too old."""
    token, _, nonce = answer.rpartition(SEPARATOR)
    if not (nonce.isascii() and nonce.isdigit() and len(nonce) <= MOST_NONCE_DIGITS):
        return False
    try:
        claims = signer.verify(token, Challenge, now=now)
    except TokenError:
        return False
    return claims.user == user and zero_bits(seed_of(token), nonce) >= claims.bits
