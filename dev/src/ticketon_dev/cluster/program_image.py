"""Images of one static program each, for what this project runs and does not write."""

import io
import json
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ticketon_dev import oci

EPOCH = "1970-01-01T00:00:00Z"  # the same program gives the same image
USER = "65532:65532"


@dataclass(frozen=True)
class ProgramImage:
    """A program as an image: it is the entry point, and there is nothing else inside but an empty /tmp."""

    reference: str
    program: Path


def image_of(wanted: ProgramImage) -> oci.Image:
    """Read the program and wrap it."""
    name = wanted.program.name
    layer = _layer(name, wanted.program.read_bytes())
    digest = oci.digest(layer)
    configuration = {
        "created": EPOCH,
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [f"/{name}"], "User": USER, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    }
    text = json.dumps(configuration, sort_keys=True).encode()
    return oci.Image(wanted.reference, text, [oci.Layer(digest, len(layer), partial(io.BytesIO, layer))])


def _layer(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("tmp")
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o1777
        tar.addfile(folder)
        program = tarfile.TarInfo(name)
        program.size = len(content)
        program.mode = 0o755
        tar.addfile(program, io.BytesIO(content))
    return buffer.getvalue()
