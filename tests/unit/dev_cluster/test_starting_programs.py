"""Starting the programs of the direct cluster: one that ends before it serves is started again, a few times."""

from pathlib import Path

import psutil
import pytest

from ticketon_dev.cluster.direct import processes
from ticketon_dev.cluster.direct.components import Component
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.errors import SetupError


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    return Layout(state=tmp_path, binaries=tmp_path, instance="test")


@pytest.fixture(autouse=True)
def no_pause_between_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.0)


def program(script: str) -> Component:
    return Component("kubelet", ("sh", "-c", script))


def test_a_program_that_ends_the_first_time_is_started_again(at: Layout, tmp_path: Path) -> None:
    first, serving = tmp_path / "first", tmp_path / "serving"
    once_too_early = f"[ -e {first} ] || {{ touch {first}; exit 1; }}; echo $$ > {serving}; exec sleep 60"

    def serves(_: Component) -> bool:
        return serving.exists() and bool(serving.read_text())

    assert processes.ensure_running(program(once_too_early), at, serves)

    started = psutil.Process(int(serving.read_text()))
    started.kill()
    started.wait(timeout=10)


def test_a_program_that_never_serves_is_reported_with_its_last_words(at: Layout, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    with pytest.raises(SetupError, match=r"kubelet ended at once, 4 times: unknown flag .*`make down up`"):
        processes.ensure_running(program(f"echo x >> {starts}; echo unknown flag; exit 1"), at, lambda _: False)
    assert len(starts.read_text().split()) == processes.STARTS
