"""The root Secret: made once, read strictly."""

import base64
from typing import Any, cast

import pytest
from support.fake_cluster import FakeCluster

from ticketon_operator import kinds
from ticketon_operator.cluster import Cluster
from ticketon_operator.rootkeys import ACTIVE_ANNOTATION, RootKeysError, ensure_root_keys, parse

KEY = base64.b64encode(bytes(range(32))).decode()


def secret(data: dict[str, str], active: str | None = None) -> dict[str, Any]:
    annotations = {ACTIVE_ANNOTATION: active} if active else {}
    return {"metadata": {"namespace": "ticketon", "name": "root", "annotations": annotations}, "data": data}


async def test_keys_are_made_once_and_read_after_that() -> None:
    cluster = FakeCluster()
    first = await ensure_root_keys(cast("Cluster", cluster), "ticketon", "root")
    again = await ensure_root_keys(cast("Cluster", cluster), "ticketon", "root")
    assert first == again
    assert len(first.roots["k1"]) == 32
    assert cluster.names(kinds.SECRET) == ["root"]


@pytest.mark.parametrize(("active", "expected"), [(None, "k1"), ("k1", "k1"), ("k2", "k2")])
def test_a_rotation_names_the_key_to_sign_with_and_keeps_the_others(active: str | None, expected: str) -> None:
    keys = parse(secret({"k1": KEY, "k2": KEY}, active))
    assert keys.active == expected
    assert set(keys.roots) == {"k1", "k2"}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (secret({}), "holds no key"),
        (secret({"k1": "!"}), "is not base64"),
        (secret({"k1": base64.b64encode(b"short").decode()}), "at least 32 random bytes"),
        (secret({"k.1": KEY}), "an id of letters"),
        (secret({"k1": KEY}, "k9"), "names k9, which the Secret does not hold"),
    ],
)
def test_a_secret_that_cannot_be_used_says_why(document: dict[str, Any], message: str) -> None:
    with pytest.raises(RootKeysError, match=message):
        parse(document)


def test_key_material_is_in_no_text() -> None:
    assert KEY[:10] not in repr(parse(secret({"k1": KEY})))
    assert "\\x01" not in repr(parse(secret({"k1": KEY})))
