"""The proof of work before a place is taken: self-hosted, stateless, its difficulty follows the load. Pure.

A challenge is signed for one identity and lives two minutes. Its solution is the nonce for which SHA-256 of
``<seed>.<nonce>`` begins with ``bits`` zero bits, where the seed is a hash of the challenge. It is worth one place: the
same identity has the same place however often it asks, so nothing needs to be remembered of what was solved.

What it costs: 2^bits hashes on average. The page's script makes some 860,000 a second on one core of a server; a slow
phone is taken as an eighth of that, so that LEAST_BITS take 0.2 s of it and MOST_BITS 2.5 s. A bot with native code is
10 to 100 times as fast as the script: it pays for each of its identities, and is not kept out.
"""

import hashlib
import math

from ticketon_contract.config import ChallengeMode, EventConfig
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Challenge, Signer, TokenError

LEAST_BITS = 14
MOST_BITS = 18
LIFE_SECONDS = 120
SEPARATOR = "~"
#: Fewer arrivals are no crowd, however slowly people are let in.
CALM_PER_SECOND = 5.0
MOST_NONCE_DIGITS = 15
SEED_CHARS = 32


def wanted_bits(mode: ChallengeMode, joins_per_second: float, per_minute: int) -> int | None:
    """Return the difficulty, None where nothing is asked for. Each doubling of arrivals over the rate is a bit more."""
    if mode is ChallengeMode.OFF:
        return None
    ratio = joins_per_second * 60 / per_minute
    if joins_per_second < CALM_PER_SECOND or ratio < 1:
        return LEAST_BITS if mode is ChallengeMode.ALWAYS else None
    return min(MOST_BITS, LEAST_BITS + int(math.log2(ratio)))


def seed_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:SEED_CHARS]


def zero_bits(seed: str, nonce: str) -> int:
    """Count the zero bits that the hash begins with."""
    digest = hashlib.sha256(f"{seed}.{nonce}".encode()).digest()
    return len(digest) * 8 - int.from_bytes(digest).bit_length()


def require(
    config: EventConfig, signer: Signer, user: str, answer: str | None, *, joins_per_second: float, now: float
) -> None:
    """Raise CHALLENGE_WANTED, with a new challenge, unless none is wanted or ``answer`` solves one of this user."""
    bits = wanted_bits(config.challenge.mode, joins_per_second, config.admission.per_minute)
    if bits is None or (answer and _solves(answer, signer, user, now)):
        return
    token = signer.sign(Challenge(user=user, bits=bits, expires_at=int(now) + LIFE_SECONDS))
    detail = (
        f"find a whole number n for which SHA-256 of '<seed>.<n>' begins with {bits} zero bits, "
        f"and POST again with challenge: '<challenge>{SEPARATOR}<n>' within {LIFE_SECONDS} s"
    )
    extra = {"challenge": token, "seed": seed_of(token), "bits": bits}
    raise ProblemError(Problem.CHALLENGE_WANTED, detail, extra)


def _solves(answer: str, signer: Signer, user: str, now: float) -> bool:
    token, _, nonce = answer.rpartition(SEPARATOR)
    if not (nonce.isascii() and nonce.isdigit() and len(nonce) <= MOST_NONCE_DIGITS):
        return False
    try:
        claims = signer.verify(token, Challenge, now=now)
    except TokenError:
        return False
    return claims.user == user and zero_bits(seed_of(token), nonce) >= claims.bits
