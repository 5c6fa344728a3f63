"""Image archives: the OCI layout, and what of it is left out."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from ticketon_dev import oci
from ticketon_dev.cluster.program_image import ProgramImage, image_of


@pytest.fixture
def image(tmp_path: Path) -> oci.Image:
    program = tmp_path / "tool"
    program.write_bytes(b"\x7fELF of a tool")
    return image_of(ProgramImage("localhost/ticketon/tool:1", program))


def content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def test_an_archive_holds_what_its_index_names_under_the_digests_of_the_contents(
    tmp_path: Path, image: oci.Image
) -> None:
    oci.write_archive(tmp_path / "a.tar", [image])
    files = content(tmp_path / "a.tar")
    index = json.loads(files["index.json"])
    (described,) = index["manifests"]
    assert described["annotations"] == {"io.containerd.image.name": "localhost/ticketon/tool:1"}
    manifest = json.loads(files[f"blobs/sha256/{described['digest'].removeprefix('sha256:')}"])
    for each in [described, manifest["config"], *manifest["layers"]]:
        blob = files[f"blobs/sha256/{each['digest'].removeprefix('sha256:')}"]
        assert len(blob) == each["size"]
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == each["digest"]


def test_a_program_is_the_entry_point_of_an_image_with_nothing_else_but_tmp(image: oci.Image) -> None:
    configuration = json.loads(image.configuration)
    assert configuration["config"]["Entrypoint"] == ["/tool"]
    assert configuration["config"]["User"] != "0"
    with image.layers[0].open() as layer, tarfile.open(fileobj=layer) as tar:
        assert {member.name: member.mode for member in tar} == {"tmp": 0o1777, "tool": 0o755}


def test_the_same_program_gives_the_same_image(tmp_path: Path, image: oci.Image) -> None:
    oci.write_archive(tmp_path / "a.tar", [image])
    oci.write_archive(tmp_path / "b.tar", [image])
    assert json.loads(content(tmp_path / "a.tar")["index.json"]) == json.loads(
        content(tmp_path / "b.tar")["index.json"]
    )


def test_layers_that_the_receiver_has_are_named_but_not_sent(tmp_path: Path, image: oci.Image) -> None:
    oci.write_archive(tmp_path / "a.tar", [image], present={image.layers[0].digest})
    files = content(tmp_path / "a.tar")
    assert f"blobs/sha256/{image.layers[0].digest.removeprefix('sha256:')}" not in files
    assert any(image.layers[0].digest.encode() in blob for blob in files.values())


def test_what_docker_saves_is_read_with_its_layers(tmp_path: Path) -> None:
    layer = b"a layer's tar"
    configuration = json.dumps({"rootfs": {"diff_ids": [oci.digest(layer)]}}).encode()
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    with tarfile.open(tmp_path / "saved.tar", "w") as tar:
        for name, blob in {
            "l.tar": layer,
            "c.json": configuration,
            "manifest.json": json.dumps(manifest).encode(),
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(blob)
            tar.addfile(info, io.BytesIO(blob))
    image = oci.read_docker_archive(tmp_path / "saved.tar", "localhost/x:1")
    assert image.configuration == configuration
    assert [(each.digest, each.size) for each in image.layers] == [(oci.digest(layer), len(layer))]
    with image.layers[0].open() as opened:
        assert opened.read() == layer
