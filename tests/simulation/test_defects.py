"""Every defect that the design names is caught. `make soak-simulation` tries others too, and says by which seed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.defects import NAMED, OTHERS
from simulation.mutations import Mutation, by_module, changed

_TESTS = Path(__file__).parent.parent
_MOST_SEEDS = 150


@pytest.fixture(scope="module")
def table() -> dict[str, str]:
    """Defect -> what came of it. They share a process, out of which each is tried in one of its own."""
    tried = subprocess.run(
        [sys.executable, "-m", "simulation", "defects", "--most", str(_MOST_SEEDS)],
        env={**os.environ, "PYTHONPATH": str(_TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in tried.stdout.splitlines() if line]
    assert len(lines) == len(NAMED), tried.stdout + tried.stderr
    return {mutation.name: line for mutation, line in zip(NAMED, lines, strict=True)}


@pytest.mark.parametrize("mutation", NAMED, ids=lambda mutation: mutation.name)
def test_a_defect_is_caught(table: dict[str, str], mutation: Mutation) -> None:
    assert "caught by seed" in table[mutation.name]


@pytest.mark.parametrize("mutation", OTHERS, ids=lambda mutation: mutation.name)
def test_a_defect_that_is_tried_by_hand_can_still_be_made(mutation: Mutation) -> None:
    for module, changes in by_module(mutation).items():
        found = importlib.util.find_spec(module)
        assert found is not None
        assert found.origin is not None
        changed(Path(found.origin).read_text(), changes)
