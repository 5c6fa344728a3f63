"""The Kubernetes API. The only importer of ``kubernetes``; no decision is taken here.

Objects go in and out as plain dictionaries. Everything the operator writes goes by server-side apply under one field
manager, so that writing the same twice changes nothing; deviations are named on the methods. Calls block in a small
pool of threads of their own and raise the ClusterErrors of ``errors``; an object that is not there is ``None``.
"""

import asyncio
import functools
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import urllib3.exceptions
from kubernetes import client, config, dynamic
from kubernetes.dynamic import exceptions as api_errors
from kubernetes.dynamic.resource import Resource

from ticketon_operator.desired.metadata import FIELD_MANAGER
from ticketon_operator.errors import (
    ClusterError,
    ClusterUnavailableError,
    ConflictError,
    ForbiddenError,
    InvalidObjectError,
    NotThereError,
    UnknownKindError,
)
from ticketon_operator.kinds import Kind

#: (connect, read). The API server answers in milliseconds or is in trouble.
TIMEOUT_SECONDS = (3.0, 10.0)
THREADS = 8
MERGE_PATCH = "application/merge-patch+json"

Object = dict[str, Any]
T = TypeVar("T")


class Cluster:
    """One cluster's API. ``threads`` bounds the calls under way."""

    def __init__(self, api: client.ApiClient, *, threads: int = THREADS) -> None:
        self._api = api
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="kubernetes")
        self._discovery = threading.Lock()
        self._dynamic: dynamic.DynamicClient | None = None
        self._resources: dict[Kind, Resource] = {}

    @classmethod
    def connect(cls, *, threads: int = THREADS) -> "Cluster":
        """Use the pod's service account, else the current context of the kubeconfig. Connects at the first call."""
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = False  # callers decide; a repeated write is theirs to want
        return cls(client.ApiClient(configuration), threads=threads)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return await self._request(kind, "get", namespace=namespace, name=name)
        except NotThereError:
            return None

    async def list(self, kind: Kind, namespace: str, label_selector: str | None = None) -> list[Object]:
        found = await self._request(kind, "get", namespace=namespace, label_selector=label_selector)
        return list(found["items"])

    async def apply(self, manifest: Object) -> Object:
        """Server-side apply; takes over fields that others have set. Returns the object as stored."""
        return await self._request(
            Kind.of(manifest),
            "server_side_apply",
            namespace=manifest["metadata"]["namespace"],
            body=manifest,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )

    async def apply_status(self, kind: Kind, namespace: str, name: str, uid: str, status: Object) -> Object | None:
        """Server-side apply of the status subresource; None where the object, by its uid, is gone."""
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, "namespace": namespace, "uid": uid},
            "status": status,
        }
        try:
            return await self._request(
                kind,
                "server_side_apply",
                subresource="status",
                namespace=namespace,
                name=name,
                body=body,
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
            )
        except NotThereError:
            return None

    async def create(self, manifest: Object) -> Object:
        """Raises ConflictError where it is there already. For what must never be overwritten: keys, Leases, Events."""
        return await self._request(
            Kind.of(manifest),
            "create",
            namespace=manifest["metadata"]["namespace"],
            body=manifest,
            field_manager=FIELD_MANAGER,
        )

    async def replace(self, manifest: Object) -> Object:
        """Raises ConflictError where ``metadata.resourceVersion`` is no longer current. For Leases: one writer wins."""
        return await self._request(
            Kind.of(manifest),
            "replace",
            namespace=manifest["metadata"]["namespace"],
            body=manifest,
            field_manager=FIELD_MANAGER,
        )

    async def merge(
        self, kind: Kind, namespace: str, name: str, patch: Object, *, subresource: str | None = None
    ) -> Object | None:
        """Merge patch; None where the object is gone. For fields that belong to no manifest: scale, finalizers."""
        try:
            return await self._request(
                kind,
                "patch",
                subresource=subresource,
                namespace=namespace,
                name=name,
                body=patch,
                content_type=MERGE_PATCH,
                field_manager=FIELD_MANAGER,
            )
        except NotThereError:
            return None

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> None:
        """Set the replicas through the scale subresource."""
        await self.merge(kind, namespace, name, {"spec": {"replicas": replicas}}, subresource="scale")

    async def delete(self, kind: Kind, namespace: str, name: str, *, pods_first: bool = False) -> None:
        """Delete, and in the background what it owns; with ``pods_first``, that goes before the object itself.

        Nothing happens where it is gone already.
        """
        policy = "Foreground" if pods_first else "Background"
        try:
            await self._request(kind, "delete", namespace=namespace, name=name, propagation_policy=policy)
        except NotThereError:
            return

    async def _request(self, kind: Kind, verb: str, *, subresource: str | None = None, **arguments: Any) -> Object:
        call = functools.partial(self._blocking_request, kind, verb, subresource, arguments)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def _blocking_request(self, kind: Kind, verb: str, subresource: str | None, arguments: dict[str, Any]) -> Object:
        resource: Any = _translated(kind, lambda: self._resource(kind))
        if subresource is not None:
            resource = resource.subresources[subresource]
        parameters = {key: value for key, value in arguments.items() if value is not None}

        def call() -> Object:
            answer = getattr(resource, verb)(**parameters, serialize=False, _request_timeout=TIMEOUT_SECONDS)
            document = json.loads(answer.data)
            return dict(document)

        return _translated(kind, call)

    def _resource(self, kind: Kind) -> Resource:
        with self._discovery:
            if self._dynamic is None:
                self._dynamic = dynamic.DynamicClient(self._api)  # type: ignore[no-untyped-call]
            if kind not in self._resources:
                self._resources[kind] = self._dynamic.resources.get(api_version=kind.api_version, kind=kind.kind)
            return self._resources[kind]


def _translated(kind: Kind, call: Callable[[], T]) -> T:
    try:
        return call()
    except api_errors.NotFoundError as error:
        raise NotThereError(_text(error)) from error
    except api_errors.ConflictError as error:
        raise ConflictError(_text(error)) from error
    except api_errors.ForbiddenError as error:
        raise ForbiddenError(_text(error)) from error
    except (api_errors.UnprocessibleEntityError, api_errors.BadRequestError) as error:
        raise InvalidObjectError(_text(error)) from error
    except api_errors.ResourceNotFoundError as error:
        raise UnknownKindError(
            f"the cluster serves no {kind.kind} of {kind.api_version}: install what brings it"
        ) from error
    except api_errors.DynamicApiError as error:
        text = _text(error)
        # Server-side apply answers 500 for a field that the schema does not have: no retry mends that.
        if "field not declared in schema" in text or "unknown field" in text:
            raise InvalidObjectError(text) from error
        raise ClusterUnavailableError(f"the Kubernetes API answers {error.status}: {text}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterUnavailableError(f"the Kubernetes API does not answer: {type(error).__name__}") from error
    except ValueError as error:
        raise ClusterError(f"the Kubernetes API's answer for {kind.kind} cannot be read") from error


def _text(error: api_errors.DynamicApiError) -> str:
    """Return the API server's own sentence."""
    try:
        message = json.loads(error.body or "")["message"]
    except (TypeError, ValueError, KeyError):
        return str(error.reason)
    return str(message)
