"""What the watches have seen of the objects that belong to events. In memory; no I/O.

Reading here instead of asking the API server is what makes a reconcile of an unchanged event free.
"""

from collections.abc import Mapping
from typing import Any

from ticketon_contract.names import EventRef
from ticketon_operator.desired.metadata import COMPONENT_LABEL, EVENT_LABEL
from ticketon_operator.kinds import Kind

Object = Mapping[str, Any]
#: (kind, name) within an event's namespace.
Key = tuple[Kind, str]


def event_of(obj: Object) -> EventRef | None:
    """Return the event that an object is labelled with."""
    name = (obj["metadata"].get("labels") or {}).get(EVENT_LABEL)
    return EventRef(obj["metadata"]["namespace"], name) if name else None


def component_of(obj: Object) -> str:
    """Return the component that an object is labelled with; empty where it has no such label."""
    return str((obj["metadata"].get("labels") or {}).get(COMPONENT_LABEL, ""))


class Observed:
    def __init__(self) -> None:
        self._objects: dict[EventRef, dict[Key, Object]] = {}
        #: (namespace, Deployment) -> name of the HorizontalPodAutoscaler that targets it.
        self._autoscalers: dict[tuple[str, str], str] = {}

    def put(self, kind: Kind, obj: Object) -> EventRef | None:
        """Take note of an object; returns its event. An older version than the one known is ignored."""
        event = event_of(obj)
        if event is None:
            return None
        known = self._objects.setdefault(event, {})
        key = (kind, obj["metadata"]["name"])
        if key not in known or not _older(obj, known[key]):
            known[key] = obj
        return event

    def remove(self, kind: Kind, obj: Object) -> EventRef | None:
        """Take note that an object is gone; returns its event. A successor of the same name stays."""
        event = event_of(obj)
        if event is None:
            return None
        known = self._objects.get(event, {})
        key = (kind, obj["metadata"]["name"])
        if key in known and known[key]["metadata"].get("uid") == obj["metadata"].get("uid"):
            del known[key]
        if not known:
            self._objects.pop(event, None)
        return event

    def get(self, event: EventRef, kind: Kind, name: str) -> Object | None:
        return self._objects.get(event, {}).get((kind, name))

    def keys(self, event: EventRef) -> list[Key]:
        return list(self._objects.get(event, {}))

    def put_autoscaler(self, obj: Object) -> None:
        self.remove_autoscaler(obj)  # it may have had another target
        target = obj["spec"]["scaleTargetRef"]
        if target.get("kind") == "Deployment":
            self._autoscalers[obj["metadata"]["namespace"], target["name"]] = obj["metadata"]["name"]

    def remove_autoscaler(self, obj: Object) -> None:
        meta = obj["metadata"]
        for key, name in list(self._autoscalers.items()):
            if (key[0], name) == (meta["namespace"], meta["name"]):
                del self._autoscalers[key]

    def autoscaler_of(self, namespace: str, deployment: str) -> str:
        """Name of the HorizontalPodAutoscaler that targets a Deployment; empty where none does."""
        return self._autoscalers.get((namespace, deployment), "")


def _older(obj: Object, known: Object) -> bool:
    """A watch may deliver what an answer to our own write has already overtaken."""
    left, right = obj["metadata"], known["metadata"]
    if left.get("uid") != right.get("uid"):
        return False
    try:
        return int(left["resourceVersion"]) < int(right["resourceVersion"])
    except (KeyError, ValueError):
        return False
