"""Where the stores are: what a connections Secret says becomes settings of clients."""

import pytest

from ticketon_contract.connections import kafka_from_secret


def test_every_kafka_client_is_given_the_same_settings() -> None:
    plain = kafka_from_secret({"kafka-bootstrap-servers": "k:9092"})
    assert plain.client_settings() == {"bootstrap_servers": "k:9092", "security_protocol": "PLAINTEXT"}
    secured = kafka_from_secret(
        {
            "kafka-bootstrap-servers": "k:9093",
            "kafka-security-protocol": "SASL_SSL",
            "kafka-sasl-mechanism": "SCRAM-SHA-512",
            "kafka-username": "ticketon",
            "kafka-password": "secret",
        }
    ).client_settings()
    assert secured["sasl_plain_password"] == "secret"
    assert secured["ssl_context"].check_hostname


def test_a_ca_that_is_no_certificate_is_named() -> None:
    settings = {"kafka-bootstrap-servers": "k", "kafka-security-protocol": "SSL", "kafka-ca.crt": "not PEM"}
    with pytest.raises(ValueError, match=r"kafka-ca\.crt"):
        kafka_from_secret(settings).client_settings()
