"""`python direct_node.py start|stop STATE`: a direct cluster of its own state, with one pod in it.

For tests, which call it inside a network namespace: there, it stands beside the developer's own cluster.
"""

import os
import sys
from pathlib import Path

from ticketon_dev.cluster import manifests
from ticketon_dev.cluster.direct.provider import DirectProvider
from ticketon_dev.cluster.providers import Wishes
from ticketon_dev.locations import Locations, checkout, locations
from ticketon_dev.progress import Progress


def start(provider: DirectProvider, progress: Progress) -> None:
    """Bring up the node and the cluster's name server, and wait until that is Ready."""
    kubectl = provider.start(Wishes(), progress)
    images = provider.program_images(Wishes(), progress)
    kubectl.apply(manifests.with_images(provider.extra_manifests(), images))
    kubectl.wait_for_rollout("kube-system", "deployment", "coredns")


def main(command: str, state: Path) -> None:
    usual = locations(checkout(), os.environ, Path.home())
    provider = DirectProvider(Locations(usual.checkout, usual.cache, state))
    if command == "start":
        start(provider, Progress())
    else:
        provider.remove(Progress(), volumes=False, everything=False)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
