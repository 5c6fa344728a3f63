"""Certificates as they are made and kept."""

import ssl
from pathlib import Path

import pytest

from ticketon_dev.cluster.direct.authority import Authority, authority, ensure_certificate, ensure_signing_key
from ticketon_dev.cluster.direct.certificates import CertificateRequest

REQUEST = CertificateRequest("server", "localhost", host_names=("localhost",), addresses=("127.0.0.1",), authority="ca")


@pytest.fixture
def signer(tmp_path: Path) -> Authority:
    return authority(tmp_path, "ca", "test authority")


def test_a_certificate_is_accepted_by_a_client_that_knows_its_authority(tmp_path: Path, signer: Authority) -> None:
    ensure_certificate(tmp_path, REQUEST, signer)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    ends = [
        client.wrap_bio(pipes[0], pipes[1], server_hostname="127.0.0.1"),
        server.wrap_bio(pipes[1], pipes[0], server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = ends[0].getpeercert()
    assert shown is not None
    assert shown["subjectAltName"] == (("DNS", "localhost"), ("IP Address", "127.0.0.1"))


def test_what_fits_is_kept_and_what_does_not_is_made_anew(tmp_path: Path, signer: Authority) -> None:
    assert ensure_certificate(tmp_path, REQUEST, signer) is True
    assert ensure_certificate(tmp_path, REQUEST, signer) is False
    wider = CertificateRequest("server", "localhost", host_names=("localhost", "pay.localhost"), authority="ca")
    assert ensure_certificate(tmp_path, wider, signer) is True
    other = authority(tmp_path, "other-ca", "another authority")
    assert ensure_certificate(tmp_path, wider, other) is True


def test_a_certificate_that_was_half_written_is_made_anew(tmp_path: Path, signer: Authority) -> None:
    ensure_certificate(tmp_path, REQUEST, signer)
    (tmp_path / "server.crt").write_text("-----BEGIN CERT")
    assert ensure_certificate(tmp_path, REQUEST, signer) is True


def test_the_authority_stays_the_same_over_commands(tmp_path: Path, signer: Authority) -> None:
    assert authority(tmp_path, "ca", "test authority").certificate == signer.certificate


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path, signer: Authority) -> None:
    ensure_certificate(tmp_path, REQUEST, signer)
    ensure_signing_key(tmp_path, "accounts")
    for key in tmp_path.glob("*.key"):
        assert key.stat().st_mode & 0o077 == 0
