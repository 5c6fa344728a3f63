"""The real cluster as tests see it: objects of the API server, logs, services through its proxy.

The only module of the tests that imports `kubernetes`. Objects are plain dictionaries, as the API server gives them;
what is not there is None. A refusal is a `RefusedError` with the API server's own words, which is what kubectl shows.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import client, config, dynamic

from ticketon_contract.names import GROUP, KIND, VERSION

Object = dict[str, Any]

FIELD_MANAGER = "ticketon-e2e"
API_VERSIONS = {
    KIND: f"{GROUP}/{VERSION}",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "Ingress": "networking.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Lease": "coordination.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
}  # everything else is of the core, v1
#: No single question to the API server takes longer, or the test hears of it.
QUESTION_SECONDS = 15


class RefusedError(Exception):
    """The API server said no. `message` is what it says to people, `reason` its word for machines."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Cluster:
    """One cluster, by a kubeconfig and, where that has several, a context."""

    def __init__(self, kubeconfig: Path, context: str = "") -> None:
        self._api: Any = config.new_client_from_config(  # type: ignore[no-untyped-call]
            str(kubeconfig), context=context or None
        )
        self._client: Any = dynamic.DynamicClient(self._api)  # type: ignore[no-untyped-call]

    # --- objects

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        try:
            return self._call(kind, "get", name=name, namespace=namespace)
        except RefusedError as refusal:
            if refusal.status == 404:
                return None
            raise

    def there(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return what has to be there; KeyError says what is not."""
        found = self.get(kind, name, namespace)
        if found is None:
            raise KeyError(f"{kind} {namespace or ''}/{name} is not there")
        return found

    def every(self, kind: str, namespace: str | None = None, selector: Mapping[str, str] | str = "") -> list[Object]:
        labels = (
            selector if isinstance(selector, str) else ",".join(f"{key}={value}" for key, value in selector.items())
        )
        found = self._call(kind, "get", namespace=namespace, label_selector=labels)
        return [{"kind": kind, **item} for item in found["items"]]

    def apply(self, manifest: Object) -> Object:
        """Apply on the server's side; raises RefusedError with what the API server says of a bad one."""
        return self._call(
            manifest["kind"],
            "server_side_apply",
            body=manifest,
            name=manifest["metadata"]["name"],
            namespace=manifest["metadata"].get("namespace"),
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
        )

    def create(self, manifest: Object) -> Object:
        namespace = manifest["metadata"].get("namespace")
        return self._call(manifest["kind"], "create", body=manifest, namespace=namespace)

    def patch(self, kind: str, name: str, namespace: str | None, change: Object) -> Object:
        """Change by a merge patch, as a hand edit does."""
        return self._call(
            kind, "patch", body=change, name=name, namespace=namespace, content_type="application/merge-patch+json"
        )

    def patch_status(self, kind: str, name: str, namespace: str | None, status: Object) -> Object:
        """Change the status, as an operator does."""
        resource = self._client.resources.get(api_version=API_VERSIONS.get(kind, "v1"), kind=kind)
        try:
            result = resource.status.patch(
                body={"status": status},
                name=name,
                namespace=namespace,
                content_type="application/merge-patch+json",
                _request_timeout=QUESTION_SECONDS,
            )
        except client.ApiException as error:
            raise _refusal(error) from error
        document: Object = result.to_dict()
        return document

    def scale(self, kind: str, name: str, namespace: str, replicas: int) -> None:
        self.patch(kind, name, namespace, {"spec": {"replicas": replicas}})

    def delete(self, kind: str, name: str, namespace: str | None = None, *, grace_seconds: int | None = None) -> None:
        """Delete in the background; what is gone already is fine."""
        options: Object = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            self._call(kind, "delete", name=name, namespace=namespace, body=options)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise

    def pods(self, namespace: str, selector: Mapping[str, str] | str = "") -> list[Object]:
        """Pods that are not on their way out."""
        return [pod for pod in self.every("Pod", namespace, selector) if "deletionTimestamp" not in pod["metadata"]]

    # --- looking inside

    def log_tail(self, pod: str, namespace: str, *, lines: int = 60, previous: bool = False) -> str:
        api = client.CoreV1Api(self._api)
        try:
            text: str = api.read_namespaced_pod_log(
                pod, namespace, tail_lines=lines, previous=previous, _request_timeout=QUESTION_SECONDS
            )
        except client.ApiException as error:
            return f"({_refusal(error)})"
        return text

    def ask_service(self, namespace: str, service: str, port: int, path: str) -> Any:
        """Ask an HTTP service by GET through the API server's proxy and return its JSON."""
        return json.loads(self._raw(f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy{path}"))

    def ask_pod(self, namespace: str, pod: str, port: int, path: str) -> str:
        """The same of one pod, as text."""
        return self._raw(f"/api/v1/namespaces/{namespace}/pods/http:{pod}:{port}/proxy{path}")

    def _raw(self, path: str) -> str:
        resource, _, query = path.partition("?")
        parameters = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
        try:
            reply = self._client.request(
                "get",
                resource,
                serialize=False,
                query_params=parameters,
                header_params={"Accept": "*/*"},
                _request_timeout=QUESTION_SECONDS,
            )
        except client.ApiException as error:
            raise _refusal(error) from error
        return str(reply.data.decode())

    def _call(self, kind: str, verb: str, **arguments: Any) -> Object:
        resource = self._client.resources.get(api_version=API_VERSIONS.get(kind, "v1"), kind=kind)
        try:
            result = getattr(resource, verb)(**arguments, _request_timeout=QUESTION_SECONDS)
        except client.ApiException as error:
            raise _refusal(error) from error
        document: Object = result.to_dict()
        return document


def _refusal(error: Any) -> RefusedError:
    try:
        document = json.loads(error.body)
    except (TypeError, ValueError):
        document = {}
    return RefusedError(
        error.status or 0,
        document.get("reason") or error.reason or "",
        document.get("message") or str(error.body or ""),
    )


def condition(obj: Object, kind: str) -> Object:
    """Return a condition of an object's status, an empty one where it has none."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((found for found in conditions if found["type"] == kind), {})
