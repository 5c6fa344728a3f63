"""A Kubernetes API in memory, at the one seam that the operator has to it (``ticketon_operator.cluster``).

It keeps objects, resource versions, generations and uids, and hands every change to its watchers, as the watches do. It
validates nothing: what the API server says to a manifest is for tests on a cluster.
"""

import copy
import itertools
from collections.abc import Callable
from typing import Any

from ticketon_operator.errors import ConflictError
from ticketon_operator.kinds import DEPLOYMENT, Kind

Object = dict[str, Any]
Names = list[str]  # `list` is a method below


class FakeCluster:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.applied: list[str] = []
        self.watchers: list[Callable[[str, Kind, Object], None]] = []
        self._numbers = itertools.count(1)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get((kind.kind, namespace, name)))

    async def list(self, kind: Kind, namespace: str, label_selector: str | None = None) -> list[Object]:
        wanted = dict(part.split("=") for part in (label_selector or "").split(",") if part)
        return [
            copy.deepcopy(obj)
            for (its_kind, its_namespace, _), obj in self.objects.items()
            if (its_kind, its_namespace) == (kind.kind, namespace)
            and wanted.items() <= obj["metadata"].get("labels", {}).items()
        ]

    async def apply(self, manifest: Object) -> Object:
        kind = Kind.of(manifest)
        self.applied.append(f"{kind.kind} {manifest['metadata']['name']}")
        return self._store(kind, _merged(self._current(kind, manifest), manifest))

    async def apply_status(self, kind: Kind, namespace: str, name: str, uid: str, status: Object) -> Object | None:
        current = self.objects.get((kind.kind, namespace, name))
        if current is None or current["metadata"]["uid"] != uid:
            return None
        return self._store(kind, {**current, "status": copy.deepcopy(status)}, same_generation=True)

    async def create(self, manifest: Object) -> Object:
        kind = Kind.of(manifest)
        if self._current(kind, manifest):
            raise ConflictError(f"{manifest['metadata']['name']} already exists")
        return self._store(kind, copy.deepcopy(manifest))

    async def replace(self, manifest: Object) -> Object:
        kind = Kind.of(manifest)
        current = self._current(kind, manifest)
        if current and current["metadata"]["resourceVersion"] != manifest["metadata"].get("resourceVersion"):
            raise ConflictError("the object has been modified")
        return self._store(kind, copy.deepcopy(manifest))

    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Object, *, subresource: str | None = None
    ) -> Object | None:
        current = self.objects.get((kind.kind, namespace, name))
        if current is None:
            return None
        merged: Object = _merged(current, patch)
        if merged["metadata"].get("deletionTimestamp") and not merged["metadata"].get("finalizers"):
            self.remove(kind, namespace, name)
            return merged
        return self._store(kind, merged, same_generation=subresource is None)

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> None:
        await self.merge(kind, namespace, name, {"spec": {"replicas": replicas}}, subresource="scale")

    async def delete(self, kind: Kind, namespace: str, name: str, *, pods_first: bool = False) -> None:
        if pods_first and (obj := self.objects.get((kind.kind, namespace, name))):
            # Until its pods are gone, which is the test's to say.
            self.put(kind, {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": "2026-03-20T11:00:00Z"}})
        else:
            self.remove(kind, namespace, name)

    # What people and controllers do.

    def put(self, kind: Kind, obj: Object) -> Object:
        """Store an object as it is."""
        return self._store(kind, copy.deepcopy({"apiVersion": kind.api_version, "kind": kind.kind, **obj}))

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        gone = self.objects.pop((kind.kind, namespace, name), None)
        if gone is not None:
            self._tell("DELETED", kind, gone)

    def the(self, kind: Kind, name: str, namespace: str = "shows") -> Object:
        """The object; fails the test where it is not there."""
        assert (kind.kind, namespace, name) in self.objects, f"no {kind.kind} {name}: {sorted(self.objects)}"
        return self.objects[kind.kind, namespace, name]

    def names(self, kind: Kind) -> Names:
        return [name for its_kind, _, name in self.objects if its_kind == kind.kind]

    def _current(self, kind: Kind, manifest: Object) -> Object:
        meta = manifest["metadata"]
        return self.objects.get((kind.kind, meta["namespace"], meta["name"]), {})

    def _store(self, kind: Kind, obj: Object, *, same_generation: bool = False) -> Object:
        meta = obj["metadata"]
        key = (kind.kind, meta["namespace"], meta["name"])
        before = self.objects.get(key)
        if before is not None and {**before, "metadata": None} == {**obj, "metadata": None} and _same_meta(before, obj):
            return copy.deepcopy(before)
        meta.setdefault("uid", f"uid-{next(self._numbers)}")
        meta["resourceVersion"] = str(next(self._numbers))
        changed = before is None or before.get("spec") != obj.get("spec")
        meta["generation"] = meta.get("generation", 0) + int(changed and not same_generation)
        if kind is DEPLOYMENT:
            obj["spec"].setdefault("replicas", 1)
        self.objects[key] = obj
        self._tell("MODIFIED" if before else "ADDED", kind, obj)
        return copy.deepcopy(obj)

    def _tell(self, what: str, kind: Kind, obj: Object) -> None:
        for watcher in self.watchers:
            watcher(what, kind, copy.deepcopy(obj))


def _same_meta(before: Object, after: Object) -> bool:
    ours = {key: value for key, value in after["metadata"].items() if key not in ("resourceVersion", "generation")}
    theirs = {key: value for key, value in before["metadata"].items() if key not in ("resourceVersion", "generation")}
    return ours == theirs


def _merged(current: Any, patch: Any) -> Any:
    """A merge patch (RFC 7386), which is what server-side apply comes to where one manager owns everything."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
