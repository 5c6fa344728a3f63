"""Which of the locked packages a part needs. Pure: requirements in, lines of the lock out.

The lock covers the whole workspace; an image takes the part of it that its members ask for, directly or not. Versions
and hashes stay the lock's own: nothing is resolved anew for an image.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from ticketon_dev.errors import SetupError

# Images run Debian's Python on Linux, whatever this machine is.
ENVIRONMENT = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "sys_platform": "linux",
    "platform_system": "Linux",
}


def normalised(name: str) -> str:
    """Return a package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(
    roots: Iterable[str],
    needs: Callable[[str, frozenset[str]], Iterable[tuple[str, frozenset[str]]]],
    without: frozenset[str],
) -> set[str]:
    """Return all packages that the roots need, themselves included, but for those of `without` and what only they need.

    `needs(name, extras)` gives what a package asks for, as (name, extras) pairs.
    """
    found: dict[str, frozenset[str]] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(normalised(name), frozenset()) for name in roots]
    while waiting:
        name, extras = waiting.pop()
        if name in without or (name in found and extras <= found[name]):
            continue
        found[name] = found.get(name, frozenset()) | extras
        waiting += [(normalised(needed), more) for needed, more in needs(name, found[name])]
    return set(found)


def locked(lock: str) -> Mapping[str, str]:
    """Split a requirements file into its entries by package, each with its hashes and markers."""
    entries: dict[str, str] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n" + lock):
        name = re.match(r"\n?([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?==", entry)
        if name:
            entries[normalised(name[1])] = entry.strip()
    return entries


def restricted_lock(lock: str, packages: Iterable[str], own: Iterable[str]) -> str:
    """Return the lock's entries for the packages, in order; our own packages are not in it.

    Raises SetupError for a package that the lock lacks: it is older than a member's pyproject.toml.
    """
    entries = locked(lock)
    wanted = sorted(set(packages) - {normalised(name) for name in own})
    missing = [name for name in wanted if name not in entries]
    if missing:
        raise SetupError(f"requirements.lock lacks {', '.join(missing)}: run `make lock init` and try again")
    return "".join(f"{entries[name]}\n" for name in wanted)
