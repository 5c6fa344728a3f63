"""`python -m ticketon_dev.browser`: puts Debian's Chromium on the machine, for tests that see pages as buyers do.

A Korean font comes with it where there is none: without one, Korean pages have other widths and pictures of them boxes.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package

KOREAN_FONT = "fonts-nanum"


def chromium() -> Path | None:
    """Return the browser's path, None where there is none."""
    found = shutil.which("chromium")
    return Path(found) if found else None


def ensure_browser(progress: Progress) -> None:
    """Install what is missing; SetupError with one line where that cannot be done."""
    ensure_package("chromium", present=lambda: chromium() is not None, progress=progress)
    ensure_package(KOREAN_FONT, present=_reads_korean, progress=progress)


def _reads_korean() -> bool:
    listed = subprocess.run(["fc-list", ":lang=ko", "family"], capture_output=True, check=False, timeout=60)
    return bool(listed.stdout.strip())


def main() -> int:
    try:
        ensure_browser(Progress())
    except SetupError as error:
        print(f"browser: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
