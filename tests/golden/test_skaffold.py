"""skaffold.yaml is not run here; what it names must exist, and what it sets must be a value of the chart."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SKAFFOLD: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
RELEASES = {release["name"]: release for release in SKAFFOLD["deploy"]["helm"]["releases"]}


def test_its_charts_and_dockerfiles_exist() -> None:
    for release in RELEASES.values():
        assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
    for artifact in SKAFFOLD["build"]["artifacts"]:
        assert (ROOT / artifact["context"] / artifact["docker"]["dockerfile"]).resolve().is_file()


def test_it_sets_values_that_the_chart_has() -> None:
    values = yaml.safe_load((ROOT / "charts" / "ticketon" / "values.yaml").read_text())
    release = RELEASES["ticketon"]
    for path in (*release["setValueTemplates"], *release["setValues"]):
        value = values
        for key in path.split("."):
            value = value[key]


def test_every_image_it_builds_is_one_that_it_installs() -> None:
    built = {
        "{{.IMAGE_FULLY_QUALIFIED_" + a["image"].replace("/", "_").replace("-", "_") + "}}"
        for a in SKAFFOLD["build"]["artifacts"]
    }
    assert built == set(RELEASES["ticketon"]["setValueTemplates"].values())
