"""The server's certificate, taken up again when its files change: a renewed one is served without a restart."""

import asyncio
import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)

#: A kubelet brings a changed Secret within a minute or so; certificates are renewed weeks ahead.
LOOK_SECONDS = 10.0


class Certificate:
    """``tls.crt`` and ``tls.key`` of a context. A pair that does not fit together leaves the one in force."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context = context
        self._files = (certificate, key)
        self._seen = self._marks()

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.refresh()

    def refresh(self) -> bool:
        """Take the files up where they have changed; True where new connections get another certificate."""
        marks = self._marks()
        if marks is None or marks == self._seen:
            return False
        self._seen = marks
        try:
            # Tried on another context first: one that fails halfway is left with half a pair.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self._context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            log.error("the TLS certificate cannot be used; the one in force stays", extra={"error": str(error)})  # noqa: TRY400
            return False
        log.info("TLS certificate read again")
        return True

    def _marks(self) -> tuple[int, ...] | None:
        """Return what tells one pair from the next; None while a file is missing."""
        try:
            return tuple(file.stat().st_mtime_ns for file in self._files)
        except OSError:
            return None
