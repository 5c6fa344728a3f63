"""The installation's root keys: a Secret of the operator's namespace, made once and never deleted.

Every key of every event is derived from it, so whoever restores this Secret keeps all places and tickets valid. To
rotate, add a key (``k2``: 32 random bytes) to the Secret; two minutes later, when every server accepts it, set the
annotation ``ticketon.dev/active-key`` to its id: tokens are signed with that one and accepted from all that are listed.
Remove the old one when nothing signed with it needs to hold any more.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from ticketon_contract.keys import KEY_BYTES
from ticketon_contract.names import GROUP
from ticketon_operator.cluster import Cluster
from ticketon_operator.errors import ConflictError, OperatorError
from ticketon_operator.kinds import SECRET

ACTIVE_ANNOTATION = f"{GROUP}/active-key"
FIRST_KEY = "k1"
#: A key id is the first part of a token, which ends at a dot.
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class RootKeysError(OperatorError):
    """The Secret is there and cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class RootKeys:
    roots: dict[str, bytes] = field(repr=False)
    active: str


async def ensure_root_keys(cluster: Cluster, namespace: str, name: str) -> RootKeys:
    """Read the root keys; make them where the Secret is absent. Raises RootKeysError, ClusterError."""
    secret = await cluster.get(SECRET, namespace, name)
    if secret is None:
        try:
            secret = await cluster.create(_new_secret(namespace, name))
        except ConflictError:  # the other replica was faster; its keys are the keys
            secret = await cluster.get(SECRET, namespace, name)
    if secret is None:
        raise RootKeysError(f"the Secret {namespace}/{name} was deleted while it was read")
    return parse(secret)


def parse(secret: dict[str, Any]) -> RootKeys:
    """Raises RootKeysError."""
    meta = secret["metadata"]
    where = f"the Secret {meta['namespace']}/{meta['name']}"
    roots = {}
    for key_id, text in sorted((secret.get("data") or {}).items()):
        try:
            root = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RootKeysError(f"{where}: the key {key_id} is not base64") from error
        if len(root) < KEY_BYTES or not _KEY_ID.fullmatch(key_id):
            raise RootKeysError(
                f"{where}: {key_id} needs at least {KEY_BYTES} random bytes, and an id of letters, digits, '-' and '_'"
            )
        roots[key_id] = root
    if not roots:
        raise RootKeysError(f"{where} holds no key: restore it from a backup, or delete it to start with new keys")
    active = (meta.get("annotations") or {}).get(ACTIVE_ANNOTATION) or (FIRST_KEY if FIRST_KEY in roots else min(roots))
    if active not in roots:
        raise RootKeysError(
            f"{where}: the annotation {ACTIVE_ANNOTATION} names {active}, which the Secret does not hold"
        )
    return RootKeys(roots, active)


def _new_secret(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "ticketon", "app.kubernetes.io/part-of": "ticketon"},
            "annotations": {ACTIVE_ANNOTATION: FIRST_KEY},
        },
        "data": {FIRST_KEY: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()},
    }
