"""Writes image archives in the OCI layout (opencontainers/image-spec), uncompressed: they go from here to here.

Knows no container tool. Layers that the receiver has already are named and left out.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIGURATION = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Layer:
    """A tar of a layer's files: its digest (`sha256:…`), its size in bytes and a way to read it."""

    digest: str
    size: int
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Image:
    """An image: the name that it is imported under, its configuration (with diff_ids) and its layers in order."""

    reference: str
    configuration: bytes
    layers: Sequence[Layer]


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_archive(archive: Path, images: Sequence[Image], *, present: Collection[str] = ()) -> None:
    """Write the archive. `present` are digests of layers that the receiver has: they stay out of it."""
    written = set(present)
    described = []
    with tarfile.open(archive, "w") as tar:
        for image in images:
            for layer in image.layers:
                if layer.digest not in written:
                    written.add(layer.digest)
                    with layer.open() as content:
                        _add(tar, _blob(layer.digest), content, layer.size)
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _added(tar, CONFIGURATION, image.configuration),
                "layers": [{"mediaType": LAYER, "digest": each.digest, "size": each.size} for each in image.layers],
            }
            name = {"annotations": {"io.containerd.image.name": image.reference}}
            described.append(_added(tar, MANIFEST, _json(manifest)) | name)
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": described}
        for file, document in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
            text = _json(document)
            _add(tar, file, io.BytesIO(text), len(text))


def read_docker_archive(archive: Path, reference: str) -> Image:
    """Read an archive as `docker save` writes it, of one image; its layers are read when they are asked for."""
    with tarfile.open(archive) as tar:
        manifest = json.loads(_content(tar, "manifest.json"))[0]
        configuration = _content(tar, manifest["Config"])
        sizes = [tar.getmember(name).size for name in manifest["Layers"]]
    digests = json.loads(configuration)["rootfs"]["diff_ids"]

    def opened(name: str) -> BinaryIO:
        return cast("BinaryIO", tarfile.open(archive).extractfile(name))

    layers = [
        Layer(each, size, partial(opened, name))
        for each, size, name in zip(digests, sizes, manifest["Layers"], strict=True)
    ]
    return Image(reference, configuration, layers)


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file of the archive")
    return file.read()


def _added(tar: tarfile.TarFile, media_type: str, content: bytes) -> dict[str, Any]:
    _add(tar, _blob(digest(content)), io.BytesIO(content), len(content))
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def _blob(named: str) -> str:
    return f"blobs/sha256/{named.removeprefix('sha256:')}"


def _add(tar: tarfile.TarFile, name: str, content: BinaryIO, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    tar.addfile(info, content)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
