"""An OCI archive of images that are one static program each. Writes files; knows no container tool.

The format is the OCI image layout in a tar (opencontainers/image-spec). Layers are not compressed: the archive goes
from one folder of this machine to another.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EPOCH = "1970-01-01T00:00:00Z"  # the same program gives the same image
USER = "65532:65532"


@dataclass(frozen=True)
class ProgramImage:
    """One program as an image: it is the entry point, and there is nothing else inside but an empty /tmp."""

    reference: str
    program: Path


def write_archive(archive: Path, images: Sequence[ProgramImage]) -> None:
    """Write the archive; its index carries each image's reference for `ctr images import`."""
    manifests = []
    with tarfile.open(archive, "w") as tar:
        for image in images:
            layer = _layer(image.program)
            name = image.program.name
            configuration = {
                "created": EPOCH,
                "architecture": "amd64",
                "os": "linux",
                "config": {"Entrypoint": [f"/{name}"], "User": USER, "WorkingDir": "/"},
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            }
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": _blob(tar, "application/vnd.oci.image.config.v1+json", _json(configuration)),
                "layers": [_blob(tar, "application/vnd.oci.image.layer.v1.tar", layer)],
            }
            described = _blob(tar, manifest["mediaType"], _json(manifest))
            manifests.append({**described, "annotations": {"io.containerd.image.name": image.reference}})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
        _file(tar, "index.json", _json(index))
        _file(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


def _layer(program: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("tmp")
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o1777
        tar.addfile(folder)
        _file(tar, program.name, program.read_bytes(), mode=0o755)
    return buffer.getvalue()


def _file(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = mode
    tar.addfile(info, io.BytesIO(content))


def _blob(tar: tarfile.TarFile, media_type: Any, content: bytes) -> dict[str, Any]:
    digest = _digest(content)
    _file(tar, f"blobs/sha256/{digest.removeprefix('sha256:')}", content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
