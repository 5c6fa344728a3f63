"""Folders, the lock, the lines of progress, and small rules of the toolchain."""

import io
import json
from pathlib import Path

import pytest

from ticketon_dev.cluster import golang, traefik
from ticketon_dev.cluster.helm import recent_enough
from ticketon_dev.cluster.tls import HOST_NAMES
from ticketon_dev.cluster.up import farewell
from ticketon_dev.command import CommandFailedError, run, succeeds
from ticketon_dev.errors import SetupError
from ticketon_dev.images import references
from ticketon_dev.locations import locations
from ticketon_dev.lock import exclusive
from ticketon_dev.progress import WIDTH, Progress, duration, line

HOME, TREE = Path("/home/dev"), Path("/src/ticket-on")


@pytest.mark.parametrize(
    ("environment", "cache", "state"),
    [
        ({}, "/home/dev/.cache/ticketon", "/home/dev/.local/state/ticketon"),
        ({"XDG_CACHE_HOME": "/big", "XDG_STATE_HOME": "/fast"}, "/big/ticketon", "/fast/ticketon"),
        (
            {"XDG_CACHE_HOME": "", "XDG_STATE_HOME": "here"},
            "/home/dev/.cache/ticketon",
            "/home/dev/.local/state/ticketon",
        ),
    ],
)
def test_places_follow_the_xdg_rules(environment: dict[str, str], cache: str, state: str) -> None:
    found = locations(TREE, environment, HOME)
    assert (found.cache, found.state) == (Path(cache), Path(state))
    assert found.kubeconfig == TREE / "build" / "kubeconfig"


def test_a_second_command_is_refused_at_once_and_told_who_is_at_work(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "lock", "make up"),
        pytest.raises(SetupError, match=r"`make up` \(process \d+\) is at work"),
        exclusive(tmp_path / "lock", "make down"),
    ):
        pytest.fail("two at once")
    with exclusive(tmp_path / "lock", "make down"):
        assert "make down" in (tmp_path / "lock").read_text()


def test_a_command_that_may_wait_says_for_whom_and_goes_on_when_the_other_is_done(tmp_path: Path) -> None:
    told: list[str] = []
    first = exclusive(tmp_path / "lock", "make up")
    first.__enter__()

    def end_the_first(holder: str) -> None:
        told.append(holder)
        first.__exit__(None, None, None)

    with exclusive(tmp_path / "lock", "make images", wait_seconds=30, on_wait=end_the_first):
        assert len(told) == 1
        assert told[0].startswith("`make up` (process ")


def test_each_step_is_a_line_with_its_outcome_and_time() -> None:
    output = io.StringIO()
    times = iter([0.0, 1.0, 66.0])
    with Progress(output, clock=lambda: next(times)).step("build everything") as step:
        step.outcome = "3 programs"
    assert output.getvalue().split() == ["✓", "build", "everything:", "3", "programs", "1m05s"]


def test_a_step_that_fails_says_so_and_passes_the_error_on() -> None:
    output = io.StringIO()
    with pytest.raises(SetupError, match="no luck"), Progress(output).step("try"):
        raise SetupError("no luck")
    assert output.getvalue().strip().startswith("✗ try")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.96, "10.0 s"), (12.4, "12 s"), (60, "1m00s"), (238, "3m58s")]
)
def test_times_are_written_as_people_read_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_long_step_is_cut_to_one_line() -> None:
    assert len(line("x" * 500, 1)) == WIDTH + 9


def test_a_failed_program_is_one_line_with_its_last_words() -> None:
    with pytest.raises(CommandFailedError, match=r"failed with exit code 3: second") as failure:
        run(["sh", "-c", "echo first >&2; echo second >&2; exit 3"])
    assert failure.value.output.splitlines() == ["first", "second"]


def test_a_missing_program_is_named() -> None:
    with pytest.raises(SetupError, match="`no-such-program` is not on this machine"):
        run(["no-such-program"])
    assert not succeeds(["no-such-program"])


def test_a_helm_of_one_s_own_serves_from_3_18_on() -> None:
    told = ["v4.3.1+gdeadbee", "v3.18.4+g1", "v3.17.0+g1", "nonsense"]
    assert [recent_enough(each) for each in told] == [True, True, False, False]


def test_an_edit_of_traefiks_source_is_made_once_or_refused() -> None:
    edit = traefik.Edit("a.go", "old()", "new()")
    assert traefik.edited("x old() y", edit) == "x new() y"
    for text in ("x y", "old() old()"):
        with pytest.raises(SetupError, match=r"a\.go"):
            traefik.edited(text, edit)


def test_a_build_is_kept_only_when_it_was_finished(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise SetupError("out of luck")

    with pytest.raises(SetupError):
        golang.kept(tmp_path / "tool", broken)
    assert list(tmp_path.iterdir()) == []
    made: list[Path] = []

    def finished(folder: Path) -> None:
        (folder / "whole").touch()
        made.append(folder)

    for _ in range(2):
        golang.kept(tmp_path / "tool", finished)
    assert len(made) == 1
    assert (tmp_path / "tool" / "whole").exists()


def test_a_build_is_named_by_versions_and_sources(tmp_path: Path) -> None:
    source = tmp_path / "main.go"
    source.write_text("package main")
    first = golang.fingerprint({"version": "1"}, [source])
    assert first == golang.fingerprint({"version": "1"}, [source])
    assert first != golang.fingerprint({"version": "2"}, [source])
    source.write_text("package other")
    assert first != golang.fingerprint({"version": "1"}, [source])


def test_references_of_images_add_up_over_commands(tmp_path: Path) -> None:
    file = tmp_path / "build" / "images.json"
    with pytest.raises(SetupError, match="make images"):
        references.read(file)
    references.record(file, {"stores": "s:1"})
    references.record(file, {"operator": "o:1", "stores": "s:2"})
    assert references.read(file) == {"operator": "o:1", "stores": "s:2"}
    assert json.loads((tmp_path / "build" / "images.values.json").read_text()) == {"image": {"operator": "o:1"}}


def test_the_developers_certificate_speaks_for_the_hosts_of_the_sample() -> None:
    assert {"tickets.localhost", "pay.localhost", "localhost"} <= set(HOST_NAMES)


def test_a_cluster_that_was_there_before_is_told_in_brief() -> None:
    at = locations(TREE, {}, HOME)
    told, again = (farewell(at, 3.0, known_already=known) for known in (False, True))
    assert "https://tickets.localhost:30443/" in "\n".join(told)
    assert len(again) == 2
    assert (
        again[1]
        == told[1]
        == "    export KUBECONFIG=/src/ticket-on/build/kubeconfig PATH=/src/ticket-on/build/bin:$PATH"
    )
