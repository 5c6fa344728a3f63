"""What is said to kind, docker and kubectl, where the cluster is not run by this machine itself.

The programs are stand-ins on PATH that write down how they were called: no container engine is needed to know what the
real ones would be told.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ticketon_dev.cluster.choice import Engine
from ticketon_dev.cluster.context import ContextProvider
from ticketon_dev.cluster.kind import KindProvider
from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.cluster.providers import Wishes
from ticketon_dev.errors import SetupError
from ticketon_dev.images.engines import Buildah, BuildJob, Buildx
from ticketon_dev.locations import Locations
from ticketon_dev.progress import Progress, Step

READY = '{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}'
STANDS_IN = {
    "kind": """
case "$1 $2" in
  "get clusters") cat "$FOLDER/clusters" 2>/dev/null || true ;;
  "create cluster") echo ticketon > "$FOLDER/clusters" ;;
  "delete cluster") rm "$FOLDER/clusters" ;;
esac""",
    "docker": """
case "$*" in
  *"images list"*) echo localhost/ticketon/operator:old ;;
  "save --output "*) touch "$3" ;;
esac""",
    "buildah": """
grep network_config_dir "$CONTAINERS_CONF" >> "$FOLDER/networks" """,
    "kubectl": f"""
case "$*" in
  *"get ingressclasses"*) cat "$FOLDER/classes" ;;
  *"config view"*nowhere*) echo 'error: context "nowhere" does not exist' >&2; exit 1 ;;
  *"config view"*) echo 'apiVersion: v1' ;;
  *"get node"*) echo '{READY}' ;;
esac""",
}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-ins on PATH; the file has a line for each call."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in STANDS_IN.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nFOLDER={folder}\necho "{name} $*" >> "$FOLDER/calls"\n{body}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    (folder / "calls").touch()
    return folder / "calls"


@pytest.fixture
def at(tmp_path: Path) -> Locations:
    return Locations(checkout=tmp_path / "checkout", cache=tmp_path / "cache", state=tmp_path / "state")


def said(calls: Path, program: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in calls.read_text().splitlines() if line.startswith(f"{program} ")]


def test_a_kind_cluster_is_made_once_from_the_configuration_in_the_repository(calls: Path, at: Locations) -> None:
    provider = KindProvider(at, Engine.DOCKER)
    for _ in range(2):
        provider.start(Wishes(), Progress())
    created = [line for line in said(calls, "kind") if line.startswith("create cluster")]
    assert len(created) == 1
    assert f"--config {at.checkout / 'dev' / 'kind.yaml'}" in created[0]
    assert f"--kubeconfig {at.state / 'kind.kubeconfig'}" in created[0]


def test_images_that_the_kind_node_has_are_not_loaded_again(calls: Path, at: Locations) -> None:
    provider = KindProvider(at, Engine.DOCKER)
    images = {"operator": "localhost/ticketon/operator:old", "dev": "localhost/ticketon/dev:new"}
    at.build.mkdir(parents=True)
    (at.build / "images").mkdir()
    assert provider.load(Buildx("docker"), images, Progress()) == images
    saved = [line for line in said(calls, "docker") if line.startswith("save")]
    assert len(saved) == 1
    assert saved[0].endswith("localhost/ticketon/dev:new")
    assert [line for line in said(calls, "kind") if line.startswith("load image-archive")] == [
        f"load image-archive {at.build / 'images' / 'dev.tar'} --name ticketon"
    ]


def test_the_kind_cluster_is_deleted_once_and_a_second_time_is_no_error(calls: Path, at: Locations) -> None:
    provider = KindProvider(at, Engine.DOCKER)
    provider.start(Wishes(), Progress())
    for _ in range(2):
        provider.remove(Progress(), volumes=False, everything=False)
    assert len([line for line in said(calls, "kind") if line.startswith("delete cluster --name ticketon")]) == 1


def test_buildx_gets_the_same_dockerfile_context_and_base_as_buildah(calls: Path, tmp_path: Path) -> None:
    job = BuildJob(
        Path("operator/Dockerfile"), Path("build/images/operator"), "x/operator:1", {"BASE_IMAGE": "x/base:1"}
    )
    Buildx("docker").build(job, Step(), tmp_path / "log")
    (call,) = said(calls, "docker")
    assert call.startswith("buildx build --load")
    assert call.endswith(
        "--build-arg BASE_IMAGE=x/base:1 --file operator/Dockerfile --tag x/operator:1 build/images/operator"
    )


def test_buildah_keeps_to_folders_of_ours_whatever_it_is_told_to_do(calls: Path, tmp_path: Path) -> None:
    buildah = Buildah(tmp_path / "buildah", tmp_path / "run" / "buildah")
    buildah.build(BuildJob(Path("Dockerfile"), Path(), "x/operator:1", {}), Step(), tmp_path / "log")
    buildah.has("x/operator:1")
    buildah.tag("x/operator:1", "x/operator:2")
    buildah.push("x/operator:2")
    buildah.export("x/operator:1", tmp_path / "operator.tar")
    buildah.remove(["x/operator:1"])
    told = said(calls, "buildah")
    assert [line.split("overlay ")[1].split()[0] for line in told] == ["build", "inspect", "tag", "push", "push", "rmi"]
    assert all(line.startswith(f"--root {tmp_path}/buildah --runroot {tmp_path}/run/buildah") for line in told)
    networks = (calls.parent / "networks").read_text().splitlines()
    assert networks == [f'network_config_dir = "{tmp_path}/run/buildah/networks"'] * len(told)


@pytest.mark.usefixtures("calls")
def test_a_context_that_the_kubeconfig_lacks_is_refused_with_how_to_list_them(
    at: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETON_REGISTRY", "registry.example/ticketon")
    with pytest.raises(SetupError, match="no context nowhere: `kubectl config get-contexts`"):
        ContextProvider(at, "nowhere").start(Wishes(), Progress())


@pytest.mark.usefixtures("calls")
def test_a_cluster_elsewhere_needs_a_registry_and_says_so_before_anything_is_done(
    at: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TICKETON_REGISTRY", raising=False)
    with pytest.raises(SetupError, match="set TICKETON_REGISTRY"):
        ContextProvider(at, "staging").start(Wishes(), Progress())
    assert not at.state.exists()


def test_images_for_a_cluster_elsewhere_are_pushed_and_known_by_the_registrys_names(
    calls: Path, at: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETON_REGISTRY", "registry.example/ticketon/")
    provider = ContextProvider(at, "staging")
    known = provider.load(Buildx("docker"), {"operator": "localhost/ticketon/operator:abc"}, Progress())
    assert known == {"operator": "registry.example/ticketon/operator:abc"}
    assert said(calls, "docker") == [
        "tag localhost/ticketon/operator:abc registry.example/ticketon/operator:abc",
        "push --quiet registry.example/ticketon/operator:abc",
    ]


@pytest.mark.parametrize(
    ("classes", "brings"),
    [
        ([], True),
        ([{"name": "nginx", "labels": {"app.kubernetes.io/managed-by": "ticketon-dev"}}], True),
        ([{"name": "nginx", "labels": {"helm.sh/chart": "ingress-nginx-4.12"}}], False),
        ([{"name": "nginx"}], False),
        ([{"name": "traefik"}], True),
    ],
)
def test_an_ingress_controller_of_a_clusters_own_is_left_alone(
    calls: Path, at: Locations, classes: list[dict[str, Any]], *, brings: bool
) -> None:
    (calls.parent / "classes").write_text(json.dumps({"items": [{"metadata": each} for each in classes]}))
    kubectl = Kubectl(calls.parent / "kubectl", at.state / "context.kubeconfig")
    assert ContextProvider(at, "staging").brings_ingress(kubectl) is brings
