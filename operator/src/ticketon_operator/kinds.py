"""The kinds of objects that the operator reads and writes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ticketon_contract import names


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, and the plural that its URLs and rights are written with."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @staticmethod
    def of(manifest: Mapping[str, Any]) -> "Kind":
        """Raises KeyError for a kind that is not listed here."""
        return _BY_NAME[manifest["apiVersion"], manifest["kind"]]


TICKET_EVENT = Kind(f"{names.GROUP}/{names.VERSION}", names.KIND, names.PLURAL)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
EVENT = Kind("v1", "Event", "events")
POD = Kind("v1", "Pod", "pods")
SECRET = Kind("v1", "Secret", "secrets")
SERVICE = Kind("v1", "Service", "services")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
JOB = Kind("batch/v1", "Job", "jobs")
CRON_JOB = Kind("batch/v1", "CronJob", "cronjobs")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS_CLASS = Kind("networking.k8s.io/v1", "IngressClass", "ingressclasses")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")

#: Owned kinds that are watched. Secrets are not: that would take the right to read every Secret there is.
WATCHED = (
    CONFIG_MAP,
    SERVICE,
    SERVICE_ACCOUNT,
    DEPLOYMENT,
    STATEFUL_SET,
    JOB,
    CRON_JOB,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    INGRESS,
    HTTP_ROUTE,
)

_BY_NAME = {
    (kind.api_version, kind.kind): kind for kind in (*WATCHED, TICKET_EVENT, EVENT, POD, SECRET, AUTOSCALER, LEASE)
}
