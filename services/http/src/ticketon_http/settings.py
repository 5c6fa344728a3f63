"""Where a server finds its files and ports, from the environment. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ticketon_contract.names import HTTP_PORT, METRICS_PORT

#: After SIGTERM an ingress may go on sending for as long as it takes to notice the endpoint's end.
DRAIN_SECONDS = 5.0
#: In-flight requests get this long after the drain; within the pod's grace period of 30 s.
FINISH_SECONDS = 20


class SettingsError(Exception):
    """A variable does not say what it should; the text names it."""


class ServerSettings(BaseModel):
    """``TICKETON_*`` of one server. Port 0 takes a free one; the line "listening" of the log says which."""

    model_config = ConfigDict(frozen=True)

    event_file: Path = Path("/etc/ticketon/event/event.json")
    keys_file: Path = Path("/etc/ticketon/keys/keys.json")
    host: str = "0.0.0.0"
    http_port: int = Field(default=HTTP_PORT, ge=0, le=65535)
    metrics_port: int = Field(default=METRICS_PORT, ge=0, le=65535)
    drain_seconds: float = Field(default=DRAIN_SECONDS, ge=0, le=300)
    log_level: str = Field(default="info", pattern=r"(?i)^(debug|info|warning|error|critical)$")
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables that are set and not empty; raises SettingsError."""
        values = {}
        for field in cls.model_fields:
            value = environ.get(f"TICKETON_{field.upper()}")
            if value:
                values[field] = value
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(f"TICKETON_{str(first['loc'][0]).upper()}: {first['msg']}") from error
        if (settings.tls_cert_file is None) != (settings.tls_key_file is None):
            raise SettingsError("TICKETON_TLS_CERT_FILE and TICKETON_TLS_KEY_FILE go together: set both or neither")
        return settings
