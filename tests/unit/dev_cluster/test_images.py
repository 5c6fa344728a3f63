"""What images are made of."""

import pytest

from ticketon_dev.errors import SetupError
from ticketon_dev.images import bases
from ticketon_dev.images.dependencies import closure, locked, normalised, restricted_lock
from ticketon_dev.images.making import project_name
from ticketon_dev.images.recipes import PRODUCT, RECIPES, Recipe, fingerprint, reference, source_files
from ticketon_dev.images.references import KEPT, superseded
from ticketon_dev.locations import checkout

ROOT = checkout()
LOCK = """\
anyio==4.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
async-timeout==5.0.1 ; python_full_version < '3.11.3' \\
    --hash=sha256:cc
redis[hiredis]==7.0 \\
    --hash=sha256:dd
Typing_Extensions==4.16 \\
    --hash=sha256:ee
"""
NEEDS: dict[str, list[tuple[str, set[str]]]] = {
    "ticketon-queue": [("Redis", {"hiredis"}), ("ticketon-http", set())],
    "ticketon-http": [("typing.extensions", set()), ("rich", set())],
    "rich": [("pygments", set())],
    "redis": [("async_timeout", set())],
}


def needs(name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    found = [(needed, frozenset(more)) for needed, more in NEEDS.get(name, [])]
    return [*found, ("hiredis", frozenset())] if name == "redis" and "hiredis" in extras else found


def test_an_image_takes_what_its_members_need_at_any_remove() -> None:
    found = closure(["ticketon-queue"], needs, frozenset())
    assert found == {
        "ticketon-queue",
        "ticketon-http",
        "typing-extensions",
        "rich",
        "pygments",
        "redis",
        "async-timeout",
        "hiredis",
    }


def test_what_is_left_out_takes_along_what_only_it_needs() -> None:
    assert {"rich", "pygments"}.isdisjoint(closure(["ticketon-queue"], needs, frozenset({"rich"})))


def test_an_extra_that_is_asked_for_later_is_followed_too() -> None:
    asked: dict[str, list[tuple[str, frozenset[str]]]] = {
        "a": [("b", frozenset()), ("c", frozenset())],
        "c": [("b", frozenset({"more"}))],
    }

    def by_extra(name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
        return [("d", frozenset())] if name == "b" and "more" in extras else asked.get(name, [])

    assert "d" in closure(["a"], by_extra, frozenset())


def test_circles_of_packages_end() -> None:
    assert closure(["a"], lambda name, _: [("b" if name == "a" else "a", frozenset())], frozenset()) == {"a", "b"}


def test_the_lock_is_split_by_package_with_hashes_and_markers() -> None:
    entries = locked(LOCK)
    assert set(entries) == {"anyio", "async-timeout", "redis", "typing-extensions"}
    assert entries["anyio"].count("--hash") == 2
    assert "python_full_version" in entries["async-timeout"]


def test_an_image_gets_the_locked_version_of_what_it_needs_and_nothing_else() -> None:
    text = restricted_lock(LOCK, {"ticketon-queue", "redis", "async-timeout"}, ["ticketon_queue"])
    assert "redis[hiredis]==7.0" in text
    assert "anyio" not in text


def test_a_package_that_the_lock_lacks_is_named_with_the_remedy() -> None:
    with pytest.raises(SetupError, match=r"requirements.lock lacks pygments: run `make lock init`"):
        restricted_lock(LOCK, {"pygments", "redis"}, [])


@pytest.mark.parametrize(("name", "normal"), [("Typing_Extensions", "typing-extensions"), ("a.b--c", "a-b-c")])
def test_names_are_compared_as_the_index_compares_them(name: str, normal: str) -> None:
    assert normalised(name) == normal


def test_a_fingerprint_changes_with_each_value_name_and_content_and_with_nothing_else() -> None:
    files = [("a", b"1"), ("b", b"2")]
    first = fingerprint({"base": "x", "lock": "y"}, files)
    assert first == fingerprint({"lock": "y", "base": "x"}, reversed(files))
    others = [
        fingerprint({"base": "z", "lock": "y"}, files),
        fingerprint({"base": "x", "lock": "y"}, [("a", b"1"), ("c", b"2")]),
        fingerprint({"base": "x", "lock": "y"}, [("a", b"1"), ("b", b"3")]),
        fingerprint({"base": "x", "lock": "y"}, [("a", b"12"), ("b", b"")]),
    ]
    assert len({first, *others}) == len(others) + 1


def test_images_are_named_so_that_no_registry_is_asked_for_them() -> None:
    assert reference("operator", "abc") == "localhost/ticketon/operator:abc"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda each: each.name)
def test_every_recipe_names_files_that_are_there_and_a_known_base(recipe: Recipe) -> None:
    assert (ROOT / recipe.dockerfile).is_file()
    assert (ROOT / "dev" / "images" / recipe.base / "packages").is_file()
    for file in recipe.files:
        assert (ROOT / file).is_file()
    for member in recipe.members:
        assert project_name(ROOT / member).startswith("ticketon-")
        assert source_files(ROOT, member)


@pytest.mark.parametrize("name", [*PRODUCT, "stores"])
def test_every_dockerfile_takes_its_base_and_gives_up_root(name: str) -> None:
    lines = (ROOT / RECIPES[name].dockerfile).read_text().splitlines()
    assert any(line.startswith("ARG BASE_IMAGE") for line in lines)
    assert "FROM ${BASE_IMAGE}" in lines
    assert "USER 10001:10001" in lines
    assert not [line for line in lines if "pip install" in line or "apt-get" in line]


def test_python_images_differ_by_their_part_and_by_nothing_else() -> None:
    """An entry point in exec form knows no build argument, so each part has a file; what they share stays the same."""

    def shared(name: str) -> list[str]:
        lines = (ROOT / RECIPES[name].dockerfile).read_text().splitlines()
        body = lines[next(number for number, line in enumerate(lines) if not line.startswith("#")) :]
        return [line for line in body if not line.startswith((' && python -c "import ', "ENTRYPOINT", "CMD"))]

    assert all(shared(name) == shared("operator") for name in PRODUCT)


def test_a_list_of_packages_may_have_comments() -> None:
    assert bases.packages("# why\npython3\n\nca-certificates # for TLS\n") == ["ca-certificates", "python3"]


def test_the_base_is_without_manuals_and_knows_the_user_that_images_run_as() -> None:
    argv = bases.command("python", ["python3"], ROOT / "root.tar")
    assert "--dpkgopt=path-exclude=/usr/share/man/*" in argv
    assert "--include=python3" in argv
    assert any("ticketon:x:10001:10001" in word for word in argv)
    assert argv[-2:] == [bases.SUITE, str(ROOT / "root.tar")]


def test_the_oldest_of_many_builds_of_an_image_go_and_one_that_came_back_stays() -> None:
    history: dict[str, list[str]] = {}
    for number in range(KEPT):
        history, gone = superseded(history, {"operator": f"operator:{number}", "dev": "dev:1"})
        assert gone == []
    history, gone = superseded(history, {"operator": "operator:0"})
    assert gone == []
    history, gone = superseded(history, {"operator": "operator:new"})
    assert gone == ["operator:1"]
    assert history["operator"][-2:] == ["operator:0", "operator:new"]
    assert history["dev"] == ["dev:1"]
