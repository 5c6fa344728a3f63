"""Codes of a presale: what is read as one, what is not, and what outlives a rotation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.presale import MOST_CODES, code_of, number_of
from ticketon_contract.tokens import Signer

EVENT = EventRef("shows", "gala")
ROOTS = {"k1": b"1" * 32, "k2": b"2" * 32}
SIGNER = Signer(KeyRing.derive({"k1": ROOTS["k1"]}, "k1", EVENT))
NUMBERS = st.integers(1, MOST_CODES)


@given(NUMBERS)
def test_a_code_is_read_back(number: int) -> None:
    assert number_of(code_of(number, SIGNER), SIGNER) == number


@given(NUMBERS, st.integers(0, 15), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_code_with_another_letter_is_none(number: int, place: int, letter: str) -> None:
    letters = list(code_of(number, SIGNER).replace("-", ""))
    if letters[place] != letter:
        letters[place] = letter
        assert number_of("".join(letters), SIGNER) is None


@given(st.text(max_size=80) | st.from_regex(r"[0-9A-HJKMNP-TV-Z]{16}", fullmatch=True))
def test_what_nobody_made_is_none(text: str) -> None:
    assert number_of(text, SIGNER) is None


def test_people_type_codes_in_their_own_way() -> None:
    code = next(code for code in (code_of(number, SIGNER) for number in range(1, 500)) if "0" in code and "1" in code)
    for typed in (code.lower(), code.replace("-", " "), f"  {code}\n", code.replace("0", "O").replace("1", "l")):
        assert number_of(typed, SIGNER) == number_of(code, SIGNER) is not None


def test_codes_are_of_one_event_and_outlive_a_key_that_is_added() -> None:
    code = code_of(7, SIGNER)
    assert number_of(code, Signer(KeyRing.derive(ROOTS, "k2", EVENT))) == 7
    assert number_of(code, Signer(KeyRing.derive(ROOTS, "k2", EventRef("shows", "other")))) is None
    assert number_of(code, Signer(KeyRing.derive({"k2": ROOTS["k2"]}, "k2", EVENT))) is None


@pytest.mark.parametrize("number", [0, -1, MOST_CODES + 1])
def test_numbers_have_bounds(number: int) -> None:
    with pytest.raises(ValueError, match="codes have numbers"):
        code_of(number, SIGNER)
