"""manifests/dev and dev/kind.yaml, as they are in the repository."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ticketon_dev.cluster import kind, manifests
from ticketon_dev.cluster.contents import STORES
from ticketon_dev.cluster.direct import layout
from ticketon_dev.cluster.providers import Wishes
from ticketon_dev.errors import SetupError

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "manifests" / "dev").glob("*.yaml"))
DOCUMENTS = [(file.stem, document) for file in FILES for document in manifests.read(file)]
WORKLOADS = [
    pytest.param(each, id=f"{stem}-{each['metadata']['name']}")
    for stem, each in DOCUMENTS
    if each["kind"] in {"Deployment", "StatefulSet"}
]
IMAGES = {
    "dev": "x/dev:1",
    "stores": "x/stores:1",
    "coredns": "x/coredns:1",
    "traefik": "x/traefik:1",
    "metrics-server": "x/metrics:1",
}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_pod_keeps_the_restricted_pod_security_standard_and_a_read_only_root(workload: dict[str, Any]) -> None:
    pod = pod_of(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_container_says_when_it_is_ready_and_how_much_memory_it_may_take(workload: dict[str, Any]) -> None:
    for container in pod_of(workload)["containers"]:
        assert "readinessProbe" in container
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_image_is_one_that_the_tools_provide(workload: dict[str, Any]) -> None:
    for container in pod_of(manifests.with_images([workload], IMAGES)[0])["containers"]:
        assert container["image"] in IMAGES.values()


def test_an_image_that_nobody_provides_is_refused_before_a_pod_waits_for_it() -> None:
    workload = {"spec": {"containers": [{"image": "ticketon/unknown"}]}}
    with pytest.raises(SetupError, match="ticketon/unknown"):
        manifests.with_images([workload], IMAGES)


def test_images_of_others_are_left_as_they_are() -> None:
    workload = {"spec": {"containers": [{"image": "docker.io/library/traefik:v3"}]}}
    assert manifests.with_images([workload], {}) == [workload]


def test_each_claim_of_a_store_has_a_volume_that_waits_for_it_and_no_other() -> None:
    claims = {
        f"{template['metadata']['name']}-{document['metadata']['name']}-0": template["spec"]["resources"]["requests"][
            "storage"
        ]
        for _, document in DOCUMENTS
        if document["kind"] == "StatefulSet"
        for template in document["spec"]["volumeClaimTemplates"]
    }
    assert claims == manifests.CLAIMS
    bound = {each["spec"]["claimRef"]["name"]: each for each in manifests.volumes(Path("/state/volumes"))}
    assert set(bound) == set(claims)
    for name, volume in bound.items():
        assert volume["spec"]["local"]["path"] == f"/state/volumes/{name}"
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_every_store_has_a_file_of_its_name() -> None:
    assert {name for _, name in STORES} <= {stem for stem, _ in DOCUMENTS}


def test_every_namespace_refuses_pods_that_are_not_restricted() -> None:
    namespaces = [document["metadata"] for _, document in DOCUMENTS if document["kind"] == "Namespace"]
    assert {"data", "ingress", "shows", "ticketon"} == {each["name"] for each in namespaces}
    assert {each["labels"]["pod-security.kubernetes.io/enforce"] for each in namespaces} == {"restricted"}


def test_the_name_server_has_the_address_that_pods_are_told() -> None:
    services = [document for _, document in DOCUMENTS if document["kind"] == "Service"]
    (server,) = [each for each in services if each["metadata"]["name"] == "kube-dns"]
    assert server["spec"]["clusterIP"] == layout.DNS_ADDRESS


def test_kind_maps_the_ingress_controllers_node_ports_to_this_machine_alone() -> None:
    (service,) = [
        each
        for stem, each in DOCUMENTS
        if stem == "ingress" and each["kind"] == "Service" and each["spec"].get("type") == "NodePort"
    ]
    node_ports = {port["nodePort"] for port in service["spec"]["ports"]}
    assert node_ports == {layout.HTTP_NODE_PORT, layout.HTTPS_NODE_PORT}
    configuration = yaml.safe_load((ROOT / "dev" / "kind.yaml").read_text())
    assert (configuration["kind"], configuration["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    assert configuration["name"] == kind.CLUSTER
    mappings = configuration["nodes"][0]["extraPortMappings"]
    assert node_ports <= {each["hostPort"] for each in mappings}
    assert all(each["containerPort"] == each["hostPort"] and each["listenAddress"] == "127.0.0.1" for each in mappings)


def test_http_leads_to_the_port_where_https_is_reached_from_outside() -> None:
    (controller,) = [each for stem, each in DOCUMENTS if stem == "ingress" and each["kind"] == "Deployment"]
    flags = dict(flag.split("=", 1) for flag in pod_of(controller)["containers"][0]["args"])
    redirection = {
        name.rpartition(".")[2]: value for name, value in flags.items() if ".web.http.redirections.entrypoint." in name
    }
    assert redirection == {"to": f":{layout.HTTPS_NODE_PORT}", "scheme": "https", "permanent": "false"}


def test_where_there_is_a_registry_the_programs_of_others_come_from_it() -> None:
    assert set(kind.published_images(Wishes())) == {"traefik"}
    assert set(kind.published_images(Wishes(metrics=True))) == {"traefik", "metrics-server"}
