"""The organiser's files for the pages, read from the mounted ConfigMap, and read again when they change."""

import logging
import time
from pathlib import Path

from ticketon_contract.names import EventRef
from ticketon_queue import metrics
from ticketon_queue.pages.appearance import Appearance, appearance

log = logging.getLogger(__name__)

FOLDER = Path("/etc/ticketon/page")
#: Kubelets bring a change after a minute or so; looking costs microseconds.
LOOK_SECONDS = 2.0
#: A ConfigMap holds 1 MiB in all; whatever is there beyond these is no file of ours.
MOST_FILES = 64
MOST_FILE_BYTES = 256 * 1024

_State = tuple[tuple[str, int, int], ...]


class PageFolder:
    """``current`` is what pages are made with; a folder that is not there, or empty, means our own."""

    def __init__(self, event: EventRef, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._faults = metrics.PAGE_FAULTS.labels(str(event))
        self._state: _State = ()
        self._looked = time.monotonic()
        self._current, _ = appearance({})
        self._read()

    @property
    def current(self) -> Appearance:
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._read()
        return self._current

    def _read(self) -> None:
        try:
            state = self._listed()
            if state == self._state:
                return
            files = {name: self._folder.joinpath(name).read_bytes() for name, _, _ in state}
        except OSError:  # it is being replaced: the next look finds it whole
            log.info("the files of the page cannot be read at this moment")
            return
        self._state = state
        self._current, faults = appearance(files)
        self._faults.set(len(faults))
        for fault in faults:
            log.warning("a file of the page is not right; the rest of it counts", extra={"fault": fault})
        log.info("pages have the organiser's files", extra={"files": len(files), "faults": len(faults)})

    def _listed(self) -> _State:
        if not self._folder.is_dir():
            return ()
        found = []
        for path in sorted(self._folder.iterdir())[: MOST_FILES + 4]:
            # A mounted ConfigMap has its versions beside the entries, as ..data and ..2026_...
            if path.name.startswith(".") or not path.is_file():
                continue
            facts = path.stat()
            if facts.st_size <= MOST_FILE_BYTES:
                found.append((path.name, facts.st_mtime_ns, facts.st_size))
        return tuple(found[:MOST_FILES])
