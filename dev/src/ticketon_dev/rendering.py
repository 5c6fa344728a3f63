"""What is rendered and never edited: the CRD in its chart, and manifests/install.yaml. `make manifests` runs this.

Helm renders; the CustomResourceDefinition comes from the operator's typed model.
"""

import os
import sys
from pathlib import Path

from ticketon_dev.cluster import helm
from ticketon_dev.cluster.toolchain import Toolchain, build_helm
from ticketon_dev.command import run
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import Locations, checkout, locations
from ticketon_dev.progress import Progress

NAMESPACE = "ticketon"
CRD = Path("charts/ticketon-crds/templates/ticketevents.yaml")
INSTALL = Path("manifests/install.yaml")
RENDER_SECONDS = 60

_HEADER = """\
# Ticket-on in one file, rendered from charts/ticketon-crds and charts/ticketon by `make manifests`. Do not edit.
#
#   kubectl apply --server-side -f install.yaml
#   kubectl -n ticketon create secret generic ticketon-connections \\
#     --from-literal=redis-url=redis://… --from-literal=postgres-url=postgresql://… \\
#     --from-literal=kafka-bootstrap-servers=…:9092
---
apiVersion: v1
kind: Namespace
metadata:
  name: ticketon
"""


def helm_program(at: Locations) -> Path:
    """The Helm on PATH where it is recent enough, else one that is built once and kept. Raises SetupError."""
    found = helm.on_path()
    if found is not None:
        return found
    return build_helm(Toolchain(at.cache, at.checkout / "dev" / "localcluster", at.build / "logs"), Progress())


def template(program: Path, chart: Path, *settings: str) -> str:
    """Render a chart with ``--set`` of each setting."""
    words = [str(program), "template", NAMESPACE, str(chart), "--namespace", NAMESPACE]
    for setting in settings:
        words += ["--set", setting]
    return run(words, timeout_seconds=RENDER_SECONDS)


def install_manifest(program: Path, root: Path) -> str:
    """Return the text of manifests/install.yaml."""
    charts = root / "charts"
    parts = [
        template(program, charts / "ticketon-crds"),
        template(program, charts / "ticketon", "connections.existingSecret=ticketon-connections"),
    ]
    return _HEADER + "".join(f"{part.strip()}\n" for part in parts)


def crd_manifest() -> str:
    """Return the text of the CRD's template, as the operator's model gives it."""
    return run([sys.executable, "-m", "ticketon_operator.crd"], timeout_seconds=RENDER_SECONDS)


def main() -> int:
    at = locations(checkout(), os.environ, Path.home())
    try:
        (at.checkout / CRD).write_text(crd_manifest())
        (at.checkout / INSTALL).write_text(install_manifest(helm_program(at), at.checkout))
    except SetupError as error:
        sys.stderr.write(f"make manifests: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
