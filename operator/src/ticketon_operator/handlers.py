"""The watches. The only importer of kopf: each handler takes note of what it is told and asks for a reconcile.

No handler decides anything, keeps anything on the object, or fails: what to do follows from the state of the cluster,
which the reconcile reads.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import kopf

from ticketon_contract.names import EventRef
from ticketon_operator.desired.metadata import SELECTOR
from ticketon_operator.kinds import AUTOSCALER, TICKET_EVENT, WATCHED, Kind
from ticketon_operator.observed import Observed

#: The API server ends a watch after this time; one that went silent before is noticed then.
WATCH_SECONDS = 300
INACTIVITY_SECONDS = 330
CONNECT_SECONDS = 5


async def watch(
    observed: Observed,
    requeue: Callable[[EventRef], None],
    *,
    namespaces: tuple[str, ...],
    on_started: Callable[[], None],
) -> None:
    """Watch until cancelled. kopf takes the process' signals to itself; ``on_started`` is when to take them back."""
    registry = kopf.OperatorRegistry()
    _configure(registry, scan=not namespaces, on_started=on_started)
    _watch_events(registry, requeue)
    for kind in WATCHED:
        _watch_owned(registry, kind, observed, requeue)
    _watch_autoscalers(registry, observed)
    await kopf.operator(
        registry=registry,
        standalone=True,  # the Lease has decided who acts
        clusterwide=not namespaces,
        namespaces=namespaces,
    )


def _configure(registry: kopf.OperatorRegistry, *, scan: bool, on_started: Callable[[], None]) -> None:
    @kopf.on.startup(registry=registry)
    async def startup(settings: kopf.OperatorSettings, **_: Any) -> None:
        # Not now: kopf takes the signals right after it has started its first tasks, of which this is one.
        asyncio.get_running_loop().call_soon(on_started)
        settings.posting.enabled = False
        settings.scanning.disabled = not scan
        settings.watching.server_timeout = WATCH_SECONDS
        settings.watching.inactivity_timeout = INACTIVITY_SECONDS
        settings.watching.connect_timeout = CONNECT_SECONDS
        for kind in WATCHED:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR

    @kopf.on.login(registry=registry)
    async def login(**arguments: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)


def _watch_events(registry: kopf.OperatorRegistry, requeue: Callable[[EventRef], None]) -> None:
    seen: dict[EventRef, tuple[Any, ...]] = {}

    @kopf.on.event(TICKET_EVENT.group, TICKET_EVENT.version, TICKET_EVENT.plural, registry=registry)
    async def ticket_event(event: Any, body: kopf.Body, **_: Any) -> None:
        meta = body["metadata"]
        ref = EventRef(meta["namespace"], meta["name"])
        if event["type"] == "DELETED":
            seen.pop(ref, None)
            requeue(ref)
            return
        # The status is this operator's own writing: seeing it again is no reason to look.
        mark = (
            meta["uid"],
            meta.get("generation"),
            meta.get("deletionTimestamp"),
            tuple(meta.get("finalizers") or ()),
            tuple(sorted((meta.get("annotations") or {}).items())),
        )
        if seen.get(ref) != mark:
            seen[ref] = mark
            requeue(ref)


def _watch_owned(
    registry: kopf.OperatorRegistry, kind: Kind, observed: Observed, requeue: Callable[[EventRef], None]
) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"owned-{kind.plural}")
    async def owned(event: Any, **_: Any) -> None:
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, **event["object"]}
        ref = observed.remove(kind, obj) if event["type"] == "DELETED" else observed.put(kind, obj)
        if ref is not None:
            requeue(ref)


def _watch_autoscalers(registry: kopf.OperatorRegistry, observed: Observed) -> None:
    @kopf.on.event(AUTOSCALER.group, AUTOSCALER.version, AUTOSCALER.plural, registry=registry)
    async def autoscaler(event: Any, **_: Any) -> None:
        obj = event["object"]
        if event["type"] == "DELETED":
            observed.remove_autoscaler(obj)
        else:
            observed.put_autoscaler(obj)
