"""What is missing is installed where that may be done, and named in one line where it may not."""

import shutil
from io import StringIO
from pathlib import Path

import pytest

from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Progress
from ticketon_dev.stores import debian, kafka_distribution
from ticketon_dev.stores.debian import ensure_package


@pytest.fixture
def progress() -> Progress:
    return Progress(StringIO())


@pytest.fixture
def policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for the file by which Debian is asked to start no service."""
    monkeypatch.setattr(debian, "POLICY", tmp_path / "policy-rc.d")
    return tmp_path / "policy-rc.d"


@pytest.fixture
def apt_runs(monkeypatch: pytest.MonkeyPatch, policy: Path) -> list[list[str]]:
    """Stand in for apt-get, which would change the machine."""
    runs: list[list[str]] = []

    def run(argv: list[str], **_: object) -> str:
        assert policy.read_text().endswith("exit 101\n")
        runs.append(argv)
        return ""

    monkeypatch.setattr(debian, "run", run)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return runs


def test_what_is_there_is_left_alone(apt_runs: list[list[str]], progress: Progress) -> None:
    ensure_package("redis-server", present=lambda: True, progress=progress)

    assert apt_runs == []


def test_root_has_it_installed_and_no_service_started(
    apt_runs: list[list[str]], policy: Path, progress: Progress
) -> None:
    ensure_package("redis-server", present=lambda: bool(apt_runs), progress=progress)

    [argv] = apt_runs
    assert not policy.exists()
    assert argv[:2] == ["apt-get", "install"]
    assert argv[-1] == "redis-server"


def test_a_policy_of_the_machines_own_stays(apt_runs: list[list[str]], policy: Path, progress: Progress) -> None:
    policy.write_text("# theirs\nexit 101\n")

    ensure_package("redis-server", present=lambda: bool(apt_runs), progress=progress)

    assert policy.read_text().startswith("# theirs")


def test_a_package_that_does_not_give_what_was_wanted_is_an_error(
    apt_runs: list[list[str]], progress: Progress
) -> None:
    with pytest.raises(SetupError, match="dpkg -L redis-server"):
        ensure_package("redis-server", present=lambda: False, progress=progress)

    assert len(apt_runs) == 1


def test_old_package_lists_are_renewed(
    apt_runs: list[list[str]], progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_until_updated(argv: list[str], **_: object) -> str:
        apt_runs.append(argv)
        if argv[1] == "install" and ["update"] not in [run[1:2] for run in apt_runs]:
            raise SetupError("404")
        return ""

    monkeypatch.setattr(debian, "run", fails_until_updated)

    ensure_package("redis-server", present=lambda: len(apt_runs) == 3, progress=progress)

    assert [run[1] for run in apt_runs] == ["install", "update", "install"]


@pytest.mark.parametrize(("uid", "apt"), [(1000, "/usr/bin/apt-get"), (0, None)])
def test_who_may_not_install_is_told_what_to_install(
    uid: int, apt: str | None, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(shutil, "which", lambda _: apt)

    with pytest.raises(SetupError, match=r"^maven is missing; .*apt-get install maven"):
        ensure_package("maven", present=lambda: False, progress=progress)


def test_a_java_that_is_too_old_is_refused_by_name(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(kafka_distribution, "run", lambda _: "openjdk 11.0.2 2019-01-15\nmore\n")

    with pytest.raises(SetupError, match=r"needs Java 17 or newer; `java` is openjdk 11\.0\.2"):
        kafka_distribution.ensure_distribution(progress)
