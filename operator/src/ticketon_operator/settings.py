"""How this operator is set up, from its environment (charts/ticketon writes it). Pure."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from ticketon_operator.desired.inputs import Images


class SettingsError(Exception):
    """A variable is missing or unreadable; the text says which."""


@dataclass(frozen=True, slots=True)
class Settings:
    namespace: str  # the operator's own: Lease, root Secret, default connections
    identity: str  # of this process, in the Lease
    images: Images
    default_connections: str  # Secret in ``namespace``; empty: events must name their own
    root_secret: str
    watch_namespaces: tuple[str, ...]  # empty: all
    metrics_port: int
    log_level: str
    settle_seconds: float  # how long a deletion waits for payments in flight

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError."""
        return cls(
            namespace=_required(environ, "TICKETON_OPERATOR_NAMESPACE"),
            # A host name alone would be taken again by a container that restarts within its pod.
            identity=f"{environ.get('TICKETON_POD_NAME') or socket.gethostname()}-{os.urandom(4).hex()}",
            images=Images(
                queue_server=_required(environ, "TICKETON_QUEUE_IMAGE"),
                payment_server=_required(environ, "TICKETON_PAYMENT_IMAGE"),
                pull_policy=environ.get("TICKETON_IMAGE_PULL_POLICY") or "IfNotPresent",
                pull_secrets=_names(environ, "TICKETON_IMAGE_PULL_SECRETS"),
            ),
            default_connections=environ.get("TICKETON_DEFAULT_CONNECTIONS", ""),
            root_secret=environ.get("TICKETON_ROOT_SECRET") or "ticketon-root-keys",
            watch_namespaces=_names(environ, "TICKETON_WATCH_NAMESPACES"),
            metrics_port=_number(environ, "TICKETON_METRICS_PORT", 9090),
            log_level=environ.get("TICKETON_LOG_LEVEL") or "INFO",
            settle_seconds=float(_number(environ, "TICKETON_SETTLE_SECONDS", 60)),
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set: the chart charts/ticketon sets it")
    return value


def _names(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environ.get(name, "").split(",") if part.strip())


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdigit():
        raise SettingsError(f"{name} is {value!r}: it takes a whole number")
    return int(value)
