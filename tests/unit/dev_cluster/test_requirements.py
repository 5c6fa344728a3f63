"""What the direct cluster asks of a machine, and the one line for each thing that it lacks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ticketon_dev.cluster.direct.requirements import GIBIBYTE, PROGRAMS, Machine, lacks, package_names

GOOD = Machine(
    system="Linux",
    architecture="x86_64",
    is_root=True,
    is_debian=True,
    go_version=(1, 26),
    missing_programs=(),
    free_disk=40 * GIBIBYTE,
    free_memory=8 * GIBIBYTE,
    listeners={22: "sshd (process 1)"},
    networks=[("192.0.2.0/24", "eth0")],
)
STATE = Path("/home/dev/.local/state/ticketon")


def complaints(*, must_build: bool = True, **changes: Any) -> list[str]:
    return lacks(replace(GOOD, **changes), must_build=must_build, state=STATE)


def test_a_machine_that_has_everything_is_not_complained_about() -> None:
    assert complaints() == []


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"is_root": False}, "needs root", "sudo make up"),
        ({"system": "Darwin", "architecture": "arm64"}, "Darwin/arm64", "Docker or Podman"),
        ({"go_version": None}, "no Go", "go.dev/doc/install"),
        ({"go_version": (1, 19)}, "Go 1.19", "go.dev/doc/install"),
        ({"free_disk": GIBIBYTE}, "1.0 GiB free", "XDG_STATE_HOME"),
        ({"free_memory": GIBIBYTE}, "1.0 GiB of memory", "end something large"),
        ({"listeners": {6443: "k3s (process 7)"}}, "port 6443 is taken by k3s (process 7)", "TICKETON_CONTEXT"),
        ({"networks": [("10.244.0.0/16", "flannel.1")]}, "10.244.0.0/16 on flannel.1", "remove it"),
        ({"cgroup_controllers": frozenset({"cpu", "memory"})}, "pids", "boot with them enabled"),
        ({"is_debian": False, "missing_programs": ("runc",)}, "runc", "Debian's packages"),
    ],
)
def test_each_thing_that_is_missing_is_one_line_that_says_what_to_do(
    changes: dict[str, Any], what: str, remedy: str
) -> None:
    found = complaints(**changes)
    assert len(found) == 1
    assert what in found[0]
    assert remedy in found[0]
    assert "\n" not in found[0]


def test_a_state_too_deep_for_its_sockets_is_refused_with_the_variable_that_moves_it() -> None:
    (complaint,) = lacks(GOOD, must_build=True, state=Path("/home") / ("d" * 90))
    assert "too long" in complaint
    assert "XDG_STATE_HOME" in complaint


def test_another_system_is_told_nothing_else() -> None:
    assert len(complaints(system="Darwin", is_root=False, go_version=None)) == 1


def test_nothing_is_built_where_everything_is_cached_so_neither_go_nor_much_disk_is_asked_for() -> None:
    assert complaints(must_build=False, go_version=None, free_disk=4 * GIBIBYTE) == []


def test_programs_that_debian_has_are_not_a_complaint_there_for_they_are_installed() -> None:
    assert complaints(missing_programs=("runc", "containerd")) == []


def test_packages_are_named_once_and_in_order() -> None:
    assert package_names(["runc", "containerd", "runc"]) == ["containerd", "runc"]
    assert set(package_names(list(PROGRAMS))) == set(PROGRAMS.values())
