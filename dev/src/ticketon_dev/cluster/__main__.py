"""`python -m ticketon_dev.cluster up|down|images|programs`: what `make` calls by the same names."""

import argparse
import errno
import os
import sys
from pathlib import Path

from ticketon_dev.cluster import machine, up
from ticketon_dev.cluster.choice import Choice, Provider, choose, understood, written
from ticketon_dev.cluster.context import ContextProvider
from ticketon_dev.cluster.direct.provider import DirectProvider
from ticketon_dev.cluster.kind import KindProvider
from ticketon_dev.cluster.providers import ClusterProvider, Wishes
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import Locations, checkout, locations
from ticketon_dev.lock import exclusive
from ticketon_dev.progress import Progress

LOCK_SECONDS = 900.0  # as long as a first `make up` may take on a slow machine

DIRECT_MEANS = """\
  Kubernetes runs on this machine itself, as root: programs, a bridge, routes, firewall rules, cgroups.
  `make down` takes them away. With a Docker or Podman engine, or TICKETON_CONTEXT set, it runs there instead."""


def provider_of(choice: Choice, at: Locations) -> ClusterProvider:
    if choice.provider is Provider.CONTEXT:
        return ContextProvider(at, choice.context)
    if choice.provider is Provider.KIND and choice.engine is not None:
        return KindProvider(at, choice.engine)
    return DirectProvider(at)


def chosen(kept: Path) -> Choice:
    running = understood(kept.read_text()) if kept.exists() else None
    context = os.environ.get("TICKETON_CONTEXT", "")
    asks = not context and running is None
    return choose(context, machine.answering_engines() if asks else frozenset(), running)


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code, and prints one line for what stands in the way."""
    parser = argparse.ArgumentParser(prog="python -m ticketon_dev.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_command = commands.add_parser("up", help="have a cluster with ingress controller and stores")
    up_command.add_argument("--metrics", action="store_true", help="metrics-server too")
    down_command = commands.add_parser("down", help="remove the cluster and all it made")
    down_command.add_argument("--purge", choices=["nothing", "volumes", "all"], default="nothing")
    images_command = commands.add_parser("images", help="build the images and load them into the cluster")
    images_command.add_argument("names", nargs="*")
    commands.add_parser("programs", help="build what a cluster runs, where it runs here, and start nothing")
    asked = parser.parse_args(arguments)
    progress = Progress()

    def waiting(holder: str) -> None:
        progress.say(f"  … waiting for {holder} to end")

    try:
        at = locations(checkout(), os.environ, Path.home())
        lock = exclusive(at.state / "lock", f"make {asked.command}", wait_seconds=LOCK_SECONDS, on_wait=waiting)
        with lock:
            kept = at.state / "provider.json"
            choice = chosen(kept)
            provider = provider_of(choice, at)
            if asked.command == "images":
                up.images(provider, at, asked.names, progress)
                return 0
            progress.say(f"Cluster: {choice.provider} ({choice.because})")
            if asked.command == "programs":
                up.programs(provider, at, progress)
                return 0
            if asked.command == "up":
                if choice.provider is Provider.DIRECT and not at.kubeconfig.exists():
                    progress.say(DIRECT_MEANS)
                kept.write_text(written(choice))  # before the first change, for a `make down` after a crash
                up.up(provider, at, Wishes(metrics=asked.metrics), progress)
            else:
                provider.remove(progress, volumes=asked.purge == "volumes", everything=asked.purge == "all")
                up.forget(at)
                kept.unlink(missing_ok=True)
    except SetupError as problem:
        print(f"make {asked.command}: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"make {asked.command}: {problem.strerror}: {problem.filename or ''}{hint(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"make {asked.command}: interrupted; run it again to go on from here", file=sys.stderr)
        return 130
    return 0


def hint(problem: OSError) -> str:
    hints = {
        errno.ENOSPC: ": the disk is full; free some and run it again",
        errno.EACCES: ": run it with the rights for that, as root",
    }
    return hints.get(problem.errno or 0, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
