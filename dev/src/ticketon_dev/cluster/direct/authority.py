"""Makes certificates: the only module of the cluster that imports cryptography."""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ticketon_dev.cluster.direct.certificates import CertificateRequest

AUTHORITY_LIFE = dt.timedelta(days=3650)
CERTIFICATE_LIFE = dt.timedelta(days=397)  # the longest that browsers take from an authority they were told to trust
RENEW_BEFORE = dt.timedelta(days=30)
CLOCK_SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class Authority:
    """A certificate that signs others, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def authority(folder: Path, name: str, common_name: str) -> Authority:
    """Return the authority kept as `name`.crt and `name`.key, made now if it is not there or near its end."""
    kept = _read(folder, name)
    if kept is not None and not _ends_soon(kept.certificate):
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(subject, subject, key, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder, name, certificate, key)
    return Authority(certificate, key)


def ensure_certificate(folder: Path, request: CertificateRequest, signer: Authority) -> bool:
    """Make the certificate, unless the one that is kept says the same, is this signer's and lasts; say if it did."""
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.host_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.addresses]
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)]
    if request.organisation:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, request.organisation))
    subject = x509.Name(attributes)
    kept = _read(folder, request.name)
    if kept is not None and not _ends_soon(kept.certificate) and _says(kept.certificate, subject, names, signer):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        _builder(subject, signer.certificate.subject, key, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(folder, request.name, builder.sign(signer.key, hashes.SHA256()), key)
    return True


def ensure_signing_key(folder: Path, name: str) -> None:
    """Make a key pair without a certificate, as service account tokens are signed with: `name`.key and `name`.pub."""
    if (folder / f"{name}.key").exists() and (folder / f"{name}.pub").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_private(folder / f"{name}.key", key)
    (folder / f"{name}.pub").write_bytes(public)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _says(certificate: x509.Certificate, subject: x509.Name, names: list[x509.GeneralName], signer: Authority) -> bool:
    try:
        certificate.verify_directly_issued_by(signer.certificate)
    except Exception:  # noqa: BLE001  (whatever is wrong with what is kept, the answer is a new one)
        return False
    try:
        kept = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        kept = set()
    return certificate.subject == subject and kept == set(names)


def _ends_soon(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc < dt.datetime.now(dt.UTC) + RENEW_BEFORE


def _read(folder: Path, name: str) -> Authority | None:
    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), password=None)
    except (OSError, ValueError):  # not there, or half written by a command that was killed
        return None
    matches = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
    return Authority(certificate, key) if matches and isinstance(key, ec.EllipticCurvePrivateKey) else None


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_private(folder / f"{name}.key", key)
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123  (born private)
        file.write(pem)
