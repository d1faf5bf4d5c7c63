"""A file of JSON lines that only grows: what was acknowledged is on the disk, whatever dies after it."""

import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from volant.workspace.files import private
from volant.workspace.locks import exclusive

Entry = dict[str, Any]


class Journal:
    """One file, shared by processes and threads. A line that was cut off by a crash was never acknowledged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        private(path.parent)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the file against every other process and thread; the lock of a process that was killed is free."""
        return exclusive(self.path.with_suffix(".lock"))

    def new(self) -> list[Entry]:
        """The entries that were added since the last call, by whomever."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        return [json.loads(line) for line in whole.split(b"\n") if line]

    def append(self, entries: Sequence[Entry]) -> None:
        """Add all entries or none, and return when they are on the disk. Call it under the lock.

        Raises:
            OSError: If the disk takes no more.
        """
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = _whole(self.path)
            os.ftruncate(file, end)
            try:
                _write(file, text, end)
                os.fsync(file)
            except OSError:  # as on a full disk: the first of several lines may be whole
                os.ftruncate(file, end)
                raise
        finally:
            os.close(file)


def _write(file: int, data: bytes, start: int) -> None:
    """Write all of it from there on; the system may take a part at a time."""
    written = 0
    while written < len(data):
        written += os.pwrite(file, data[written:], start + written)


def _whole(path: Path) -> int:
    """Return where the last whole line ends, so that a new one doesn't continue what a crash cut off."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65_536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
