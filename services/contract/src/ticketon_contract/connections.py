"""Where the stores are: the keys of a connections Secret, and the same as environment variables. Pure.

A ``connections.*.secretRef`` names a Secret with the keys below; the operator sets each as the environment variable of
the same line. Only Kafka has optional ones.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

REDIS_KEYS = {"redis-url": "TICKETON_REDIS_URL"}
POSTGRES_KEYS = {"postgres-url": "TICKETON_POSTGRES_URL"}
KAFKA_KEYS = {
    "kafka-bootstrap-servers": "TICKETON_KAFKA_BOOTSTRAP_SERVERS",
    "kafka-security-protocol": "TICKETON_KAFKA_SECURITY_PROTOCOL",
    "kafka-sasl-mechanism": "TICKETON_KAFKA_SASL_MECHANISM",
    "kafka-username": "TICKETON_KAFKA_USERNAME",
    "kafka-password": "TICKETON_KAFKA_PASSWORD",
    "kafka-ca.crt": "TICKETON_KAFKA_CA",
}
#: The others are optional.
REQUIRED_KEYS = frozenset({"redis-url", "postgres-url", "kafka-bootstrap-servers"})


class MissingConnectionError(Exception):
    """A variable is not set; the text says which, and which Secret key gives it."""


class Kafka(BaseModel):
    model_config = ConfigDict(frozen=True)

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca: str | None = None  # PEM text

    def client_settings(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client; raises ValueError for a CA that is not PEM."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            try:
                settings["ssl_context"] = ssl.create_default_context(cadata=self.ca)
            except ssl.SSLError as error:
                raise ValueError("kafka-ca.crt is not a PEM certificate") from error
        if self.sasl_mechanism:
            settings |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password.get_secret_value() if self.password else None,
            }
        return settings


def _required(environ: Mapping[str, str], keys: Mapping[str, str], key: str) -> str:
    variable = keys[key]
    value = environ.get(variable, "")
    if not value:
        message = f"{variable} is not set: put the key {key!r} into the Secret of the event's connections"
        raise MissingConnectionError(message)
    return value


def redis_url(environ: Mapping[str, str]) -> str:
    """``redis://[user:password@]host:port/db`` or ``rediss://``; raises MissingConnectionError."""
    return _required(environ, REDIS_KEYS, "redis-url")


def postgres_url(environ: Mapping[str, str]) -> str:
    """``postgresql://user:password@host:port/database``; raises MissingConnectionError."""
    return _required(environ, POSTGRES_KEYS, "postgres-url")


def kafka(environ: Mapping[str, str]) -> Kafka:
    """Raises MissingConnectionError where the bootstrap servers are not set."""
    return kafka_from_secret({key: environ.get(variable, "") for key, variable in KAFKA_KEYS.items()})


def kafka_from_secret(data: Mapping[str, str]) -> Kafka:
    """The same from the decoded data of a connections Secret."""
    if not data.get("kafka-bootstrap-servers"):
        message = (
            f"{KAFKA_KEYS['kafka-bootstrap-servers']} is not set: put the key 'kafka-bootstrap-servers' "
            "into the Secret of the event's connections"
        )
        raise MissingConnectionError(message)
    return Kafka(
        bootstrap_servers=data["kafka-bootstrap-servers"],
        security_protocol=data.get("kafka-security-protocol") or "PLAINTEXT",
        sasl_mechanism=data.get("kafka-sasl-mechanism") or None,
        username=data.get("kafka-username") or None,
        password=SecretStr(data["kafka-password"]) if data.get("kafka-password") else None,
        ca=data.get("kafka-ca.crt") or None,
    )
