"""Keeps the buyers' logs: in memory for the judge, and as JSON lines in a file for people. No clock, no network."""

from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ticketon_dev.crowd.records import Record


class Journal:
    """Use it as a context manager; the file is complete when it ends."""

    def __init__(self, file: Path | None) -> None:
        self._path = file
        self._file: TextIO | None = None
        self.records: list[Record] = []

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, record: Record) -> None:
        self.records.append(record)
        if self._file is not None:
            print(record.line(), file=self._file)
