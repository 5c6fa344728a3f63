"""Golden files: what was agreed on, and a test that says where today's output differs from it.

``make golden`` writes them anew; reading that difference in review is the point of having them.
"""

import os
from pathlib import Path

WRITING = os.environ.get("TICKETON_GOLDEN") == "write"


def check(file: Path, text: str) -> None:
    """Compare ``text`` with the file; with TICKETON_GOLDEN=write, write it there first."""
    if WRITING:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.exists(), f"{file} is missing: run `make golden` and read what it wrote"
    assert text == file.read_text(), f"{file} is stale: run `make golden` and read the difference"
