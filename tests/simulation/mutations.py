"""Defects put into the product's own code, each of which the simulator must catch. Imports nothing of the product.

A defect is a change of source text, made when the module is imported in a process of its own. A text that is no longer
there is an error: the defect has to be written anew for the code as it is now.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` must stand in the module so many times."""

    module: str
    before: str
    after: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Mutation:
    """A defect by name. ``seeds``: some that are known to catch it, to be tried before all others."""

    name: str
    changes: Sequence[Change]
    seeds: Sequence[int] = ()


class MutationGone(Exception):  # noqa: N818 - says what happened
    """The text that a defect changes is not in the code any more."""


def changed(source: str, changes: Sequence[Change]) -> str:
    """Return the source with these changes of one module; raises MutationGone."""
    for change in changes:
        if source.count(change.before) != change.times:
            raise MutationGone(f"{change.module} has not {change.times} times: {change.before}")
        source = source.replace(change.before, change.after)
    return source


def by_module(mutation: Mutation) -> Mapping[str, Sequence[Change]]:
    """Return the changes of a defect, each module's in their order."""
    changes: dict[str, list[Change]] = {}
    for change in mutation.changes:
        changes.setdefault(change.module, []).append(change)
    return changes


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, changes: Sequence[Change]) -> None:
        super().__init__(name, path)
        self._changes = changes

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the signature of loaders
        source = changed(Path(self.path).read_text(), self._changes)
        return self.source_to_code(source.encode(), self.path)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, changes: Mapping[str, Sequence[Change]]) -> None:
        self._changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._changes:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._changes[fullname])
        return spec


def put_in_force(mutation: Mutation) -> None:
    """Change the modules, which must not have been imported yet."""
    changes = by_module(mutation)
    for module in changes:
        if module in sys.modules:
            raise RuntimeError(f"{module} has been imported already")
    sys.meta_path.insert(0, _Finder(changes))
