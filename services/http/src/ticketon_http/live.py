"""The event's configuration and keys in force: read from files at start, replaced while the server runs.

Whoever polls Redis hands what it finds to ``offer``; this module knows no Redis.
"""

import logging
from pathlib import Path

from pydantic import ValidationError

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import Signer

log = logging.getLogger(__name__)


class LiveEvent:
    """``config`` and ``signer`` are read anew by every request, so that a change acts on the next one."""

    def __init__(self, config: EventConfig, signer: Signer) -> None:
        self.config = config
        self.signer = signer
        self._cancelled = False
        self._files: dict[Path, int] = {}
        self._event_file: Path | None = None
        self._keys_file: Path | None = None

    @classmethod
    def from_files(cls, event_file: Path, keys_file: Path) -> "LiveEvent":
        """Raises OSError where a file is missing, ValidationError where it is not what it should be."""
        live = cls(
            EventConfig.model_validate_json(event_file.read_bytes()),
            Signer(KeyRing.model_validate_json(keys_file.read_bytes())),
        )
        live._event_file, live._keys_file = event_file, keys_file
        live._changed(event_file)
        live._changed(keys_file)
        return live

    def offer(self, text: bytes | str | None) -> bool:
        """Take the configuration of the live-config key; True where it was adopted. A broken one is logged and left."""
        candidate = self._parse(text)
        if candidate is None or not supersedes(candidate, self.config):
            return False
        self._adopt(candidate)
        return True

    def cancel(self) -> bool:
        """The ledger says that the event is cancelled, for good; True where that is news."""
        if self._cancelled:
            return False
        self._cancelled = True
        self._adopt(self.config)
        return True

    def refresh_files(self) -> None:
        """Read files again that have changed: a ConfigMap's update, a rotated key."""
        if self._event_file and self._changed(self._event_file):
            candidate = self._parse(self._event_file.read_bytes())
            # Kubelets update a ConfigMap late: a file may only ever bring something newer.
            if candidate is not None and candidate.ref == self.config.ref and _newer(candidate, self.config):
                self._adopt(candidate)
        if self._keys_file and self._changed(self._keys_file):
            try:
                self.signer = Signer(KeyRing.model_validate_json(self._keys_file.read_bytes()))
                log.info("keys read again")
            except (OSError, ValueError):
                log.exception("the keys file cannot be used; the keys in force stay")

    def _changed(self, file: Path) -> bool:
        try:
            modified = file.stat().st_mtime_ns
        except OSError:
            return False
        changed = self._files.get(file) != modified
        self._files[file] = modified
        return changed

    def _parse(self, text: bytes | str | None) -> EventConfig | None:
        if not text:
            return None
        try:
            return EventConfig.model_validate_json(text)
        except ValidationError as error:
            log.warning("a configuration that cannot be read is ignored", extra={"errors": error.error_count()})
            return None

    def _adopt(self, candidate: EventConfig) -> None:
        self.config = candidate.model_copy(update={"cancelled": self._cancelled})
        log.info("configuration adopted", extra={"generation": candidate.generation, "closing": candidate.closing})


def supersedes(candidate: EventConfig, current: EventConfig) -> bool:
    """Whether a live configuration replaces the one in force: a higher generation, or the intake closes or reopens."""
    if candidate.ref != current.ref:
        return False
    return _newer(candidate, current) or candidate.closing != current.closing


def _newer(candidate: EventConfig, current: EventConfig) -> bool:
    return candidate.generation > current.generation
