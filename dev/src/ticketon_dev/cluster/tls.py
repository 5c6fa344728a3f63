"""The developers' certificate authority and the one certificate that everything on 127.0.0.1 shows."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.cluster.direct.authority import authority, ensure_certificate
from ticketon_dev.cluster.direct.certificates import CertificateRequest
from ticketon_dev.locations import Locations

AUTHORITY = "dev-ca"
HOST_NAMES = (
    "localhost",
    "*.localhost",
    "tickets.localhost",
    "pay.localhost",
)  # the two by name too: some clients take no * of one label


@dataclass(frozen=True)
class ServerCertificate:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


def ensure(at: Locations) -> ServerCertificate:
    """Make what is missing, and leave the authority's certificate where people are told that it is."""
    folder = at.state / "authority"
    request = CertificateRequest("dev-tls", "localhost", "Ticket-on development", HOST_NAMES, ("127.0.0.1",), AUTHORITY)
    ensure_certificate(folder, request, authority(folder, AUTHORITY, "Ticket-on development CA"))
    at.build.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / f"{AUTHORITY}.crt", at.authority)
    return ServerCertificate(folder / "dev-tls.crt", folder / "dev-tls.key")
