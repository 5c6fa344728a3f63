"""Keys: derived as RFC 5869 says, apart by event, key id and purpose, and never shown."""

import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract.keys import KEY_BYTES, KeyRing, Purpose, event_key, hkdf
from ticketon_contract.names import EventRef

EVENT = EventRef("shows", "gala")
ROOT = bytes(range(32))


def test_hkdf_gives_the_first_block_of_rfc_5869_test_case_3() -> None:
    """RFC 5869, A.3: empty salt; its info is empty too, and its output begins with our 32 bytes."""
    key_material = b"\x0b" * 22
    expected = bytes.fromhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
    assert hkdf(key_material, "") == expected


@given(st.binary(min_size=1, max_size=80), st.text(max_size=40))
def test_hkdf_is_extract_then_one_expand(secret: bytes, info: str) -> None:
    extracted = hmac.new(b"", secret, hashlib.sha256).digest()  # an empty key is padded with zeros, as the RFC's salt
    assert hkdf(secret, info) == hmac.new(extracted, info.encode() + b"\x01", hashlib.sha256).digest()


def test_keys_do_not_change_between_releases() -> None:
    """Tokens outlive an upgrade: these were computed once and written down."""
    assert event_key(ROOT, EVENT, "k1").hex() == FROZEN_EVENT_KEY
    ring = KeyRing.derive({"k1": ROOT}, "k1", EVENT)
    assert {purpose: ring.for_purpose(purpose)["k1"].hex() for purpose in Purpose} == FROZEN_PURPOSE_KEYS


def test_every_event_key_id_and_purpose_has_a_key_of_its_own() -> None:
    events = [EVENT, EventRef("shows", "gala2"), EventRef("show", "sgala"), EventRef("other", "gala")]
    keys = {event_key(ROOT, event, key_id) for event in events for key_id in ("k1", "k2")}
    assert len(keys) == len(events) * 2
    ring = KeyRing.derive({"k1": ROOT, "k2": ROOT[::-1]}, "k2", EVENT)
    purposes = {key for purpose in Purpose for key in ring.for_purpose(purpose).values()}
    assert len(purposes) == 2 * len(Purpose)
    assert all(len(base64.b64decode(key)) == KEY_BYTES for key in ring.keys.values())


def test_a_ring_shows_no_key() -> None:
    ring = KeyRing.derive({"k1": ROOT}, "k1", EVENT)
    assert ring.keys["k1"] not in f"{ring} {ring!r}"


FROZEN_EVENT_KEY = "633c5fc14d7eda1b1ee0b5fba4976691b7e9e23353ec8d4769ea47e568eed14e"
FROZEN_PURPOSE_KEYS = {
    Purpose.ARRIVAL: "70baebd9fa9967ee7886c35755024a25bac1509e543ecf36cfffd558b04b2c06",
    Purpose.DRAW: "74e02a278b168f7b5c0d69ac678aedb2dcda86dce3feac17b2b44a5ef34768c7",
    Purpose.CHALLENGE: "e0c19efdbf1d74d680b68c5a23c6d1d4a120c83df79b73094237ffd2e9c93824",
    Purpose.IDENTITY: "08942eab0c82240978a5139e38d2f991e320ce2e6e7fd4ccc240d046c7cd261a",
    Purpose.PLACE: "b286c1b65f33bc7688aa9e92ae34fd260197087aaff66bd354947fdaa0d87359",
    Purpose.PASS: "31b5f2182f8bbc5da9f845a7071a43802b0bac17c3461b977199e31aa9fb002f",
    Purpose.PAYMENT: "a2f115df9489a7f0672b95891b59d61bf8b156ae39e62e5e237f4cb231ca67f9",
    Purpose.TICKET: "26469ba3b73768f26e23e9048b256e7c1372e4cb604cc76afedf0175d399baa1",
    Purpose.LOGIN: "289eec6fce48ecd81d6d83ea5b7ad0de309f19963d6eed86404620feb3ae1860",
    Purpose.PRESALE: "fffef12d0569217cf2c0bd96159e5ea107793195627caa6ada86fa04242cd435",
}
