"""A file of JSON lines that only grows: what was acknowledged is on the disk, whatever dies after it."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """One file, shared by processes and threads. A line that was cut off by a crash was never acknowledged."""

    def __init__(self, path: Path) -> None:
        self.path, self._read = path, 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file against every other process and thread; the lock of a process that was killed is free."""
        with self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

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
        """Add entries, and return when they are on the disk. Call it under the lock."""
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.seek(_whole(self.path))
            file.truncate()
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def _whole(path: Path) -> int:
    """Where the last whole line ends, so that a new one doesn't continue what a crash cut off."""
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
