"""An append-only file of JSON lines: an acknowledged entry is on disk, and survives any crash."""

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
    """One file, shared by processes and threads; a line that a crash truncated was never acknowledged.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        private(path.parent)

    def locked(self) -> AbstractContextManager[None]:
        """Lock the file against all other processes and threads; the lock of a killed process is released."""
        return exclusive(self.path.with_suffix(".lock"))

    def new(self) -> list[Entry]:
        """Return the entries that any process has added since the last call."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        return [json.loads(line) for line in whole.split(b"\n") if line]

    def append(self, entries: Sequence[Entry]) -> None:
        """Add all entries or none; return when they are on disk. Call it under the lock.

        Raises:
            OSError: If the file can't be written, such as on a full disk; its entries are unchanged.
        """
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = _whole(self.path)
            os.ftruncate(file, end)
            try:
                _write(file, text, end)
                os.fsync(file)
            except OSError:  # such as a full disk: the first of several lines may be complete
                os.ftruncate(file, end)
                raise
        finally:
            os.close(file)


def _write(file: int, data: bytes, start: int) -> None:
    """Write data at a position; one system call may write only a part of it."""
    written = 0
    while written < len(data):
        written += os.pwrite(file, data[written:], start + written)


def _whole(path: Path) -> int:
    """Return the end of the last complete line, so that a new one doesn't continue a truncated line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
