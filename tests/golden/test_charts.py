"""The charts as Helm renders them, and what is generated from them: never edited, never stale."""

import os
from pathlib import Path

import pytest
import yaml
from support import golden

from ticketon_dev import rendering
from ticketon_dev.command import CommandFailedError
from ticketon_dev.locations import checkout, locations

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "charts"
CASES = {
    "default": [],
    "connections": [
        "connections.redis.url=redis://redis:6379/0",
        "connections.postgres.url=postgresql://ticketon@postgres/ticketon",
        "connections.kafka.bootstrapServers=kafka:9092",
        "connections.kafka.securityProtocol=SASL_SSL",
        "connections.kafka.saslMechanism=SCRAM-SHA-512",
        "connections.kafka.username=ticketon",
        "connections.kafka.password=secret",
    ],
    "two-namespaces": ["watchNamespaces={shows,sports}", "replicas=1"],
    "monitoring": ["monitoring.podMonitor.enabled=true", "monitoring.rules.enabled=true"],
}


@pytest.fixture(scope="session")
def helm() -> Path:
    return rendering.helm_program(locations(checkout(), os.environ, Path.home()))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.timeout(600)  # the first one may have to build Helm
def test_the_chart_renders_as_agreed(helm: Path, case: str) -> None:
    rendered = rendering.template(helm, ROOT / "charts" / "ticketon", *CASES[case])
    golden.check(HERE / f"{case}.yaml", canonical(rendered))


def test_the_install_manifest_is_what_the_charts_render(helm: Path) -> None:
    stored = (ROOT / rendering.INSTALL).read_text()
    assert canonical(stored) == canonical(rendering.install_manifest(helm, ROOT)), "stale: run `make manifests`"


def test_the_crd_in_the_chart_is_what_the_model_gives() -> None:
    assert (ROOT / rendering.CRD).read_text() == rendering.crd_manifest(), "stale: run `make manifests`"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("image.repositry=x", "repositry"),
        ("connections.redis.url=http://redis", "redis"),
        ("connections.redis.url=redis://redis", "connections.postgres.url is needed"),
        ("replicas=0", "replicas"),
    ],
)
def test_values_that_cannot_work_are_refused(helm: Path, setting: str, complaint: str) -> None:
    with pytest.raises(CommandFailedError) as refused:
        rendering.template(helm, ROOT / "charts" / "ticketon", setting)
    assert complaint in refused.value.output


def canonical(text: str) -> str:
    """The documents with their keys in order: Helm 3 and Helm 4 need not agree on blank lines."""
    documents = [document for document in yaml.safe_load_all(text) if document]
    documents.sort(key=lambda one: (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]))
    return yaml.safe_dump_all(documents, sort_keys=True, width=120, allow_unicode=True)
