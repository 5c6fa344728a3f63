"""Codes of a presale: a number and its MAC, in letters that can be read out and typed. Pure.

``K3F7-9QXA-20MR-ZT4B`` is 80 bits in Crockford's base 32: 20 of the number, 60 of an HMAC-SHA256 over it. A guess is
right once in 2^60: a million guesses a second find one in some 36,000 years. That a code was made for this event is
told from the code alone; whether it has been spent is the line's business.
"""

import hmac

from ticketon_contract.keys import Purpose
from ticketon_contract.tokens import Signer

MOST_CODES = 2**20 - 1
#: Longer texts are not looked at; a code with a hyphen or a blank between all letters has 31.
MAX_CODE_CHARS = 64
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: What people read for a 0 or a 1, and what stands between.
_READ = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_CHARS, _GROUP = 16, 4
_MAC_BITS = 60


def code_of(number: int, signer: Signer) -> str:
    """Return the code of a number from 1 to MOST_CODES, signed with the active key; raises ValueError beyond."""
    if not 1 <= number <= MOST_CODES:
        raise ValueError(f"codes have numbers from 1 to {MOST_CODES}")
    value = number << _MAC_BITS | _mac(number, signer, signer.active)
    letters = "".join(_LETTERS[value >> 5 * place & 31] for place in reversed(range(_CHARS)))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _CHARS, _GROUP))


def number_of(code: str, signer: Signer) -> int | None:
    """Return the number of a code of this event, None for anything else. Takes the same time for every wrong MAC."""
    if len(code) > MAX_CODE_CHARS:
        return None
    letters = code.strip().upper().translate(_READ)
    if len(letters) != _CHARS or not set(letters) <= set(_LETTERS):
        return None
    value = 0
    for letter in letters:
        value = value << 5 | _LETTERS.index(letter)
    number, presented = value >> _MAC_BITS, (value & (1 << _MAC_BITS) - 1).to_bytes(8)
    made = [hmac.compare_digest(presented, _mac(number, signer, key_id).to_bytes(8)) for key_id in signer.key_ids]
    return number if number > 0 and any(made) else None


def _mac(number: int, signer: Signer, key_id: str) -> int:
    return int.from_bytes(signer.derive(Purpose.PRESALE, key_id, number.to_bytes(4))[:8]) >> 64 - _MAC_BITS
