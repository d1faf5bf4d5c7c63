"""Limits on uploads that wait to be passed to the API: files and bytes, of one client and of all."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from volant.service.errors import RefusedError
from volant.service.ui import files
from volant.service.ui.files import DEAD, HOUR

OF_ONE = 100  # maximum files of one client
OF_ALL = 1000
SHARE = 3  # maximum total size of one client's files, in files of the largest size
ROOM = 10  # maximum total size of all files, in files of the largest size
PARTS = 10  # maximum files of one form; the page sends one
SWEEP = 60  # seconds between two removals of old files


@dataclass
class Upload:
    """One form with files in it.

    Attributes:
        files: Paths of the files; None as long as they are unknown.
    """

    client: str
    size: int
    started: float
    files: list[Path] | None = None

    @property
    def count(self) -> int:
        """The maximum number of its files."""
        return PARTS if self.files is None else len(self.files)

    def may_exist(self, now: float) -> bool:
        """Return True if any of its files may still exist: not passed to the API yet, and not expired."""
        if self.files is None:
            return now - self.started < DEAD
        return now - self.started < HOUR and any(path.exists() for path in self.files)


@dataclass
class Uploads:
    """The waiting uploads, counted in memory, so that no upload has to read the folder.

    Args:
        largest: Maximum size of one file in bytes.
        clock: Returns the time in seconds.
    """

    largest: int
    clock: Callable[[], float] = time.monotonic
    _uploads: list[Upload] = field(default_factory=list)
    _swept: float = 0

    def begin(self, client: str, size: int | None) -> Upload:
        """Reserve room for an upload, before any of it is read; without room it is refused with 429 or 503.

        Args:
            client: Network address of the client.
            size: Size in bytes, if known.
        """
        new = Upload(client, self.largest if size is None else min(size, self.largest), self.clock())
        try:
            self._require_room(new)
        except RefusedError:
            self._uploads = [upload for upload in self._uploads if upload.may_exist(new.started)]
            self._require_room(new)
        self._uploads.append(new)
        return new

    def end(self, upload: Upload, response: bytes) -> None:
        """Record the files of an upload, from Gradio's response; an aborted upload has none.

        Args:
            upload: Upload from `begin`.
            response: Body of Gradio's response.
        """
        paths: Any = None
        with suppress(ValueError):
            paths = json.loads(response)
        if isinstance(paths, list):
            upload.files = [Path(path) for path in paths]
            upload.size = sum(_size(path) for path in upload.files)
        if self.clock() - self._swept > SWEEP:
            self._swept = self.clock()
            files.sweep()

    def _require_room(self, new: Upload) -> None:
        own = [upload for upload in self._uploads if upload.client == new.client]
        if _exceeds([*own, new], OF_ONE, SHARE * self.largest):
            limit = f"at most {OF_ONE} files, and {SHARE * self.largest} bytes, in an hour"
            raise RefusedError(f"Too many uploads: {limit}. Start their jobs, or try again later.", 429, 600)
        if _exceeds([*self._uploads, new], OF_ALL, ROOM * self.largest):
            raise RefusedError("Too many uploads of all clients. Try again later.", 503, 600)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # passed to the API already
        return path.stat().st_size
    return 0


def _exceeds(uploads: Sequence[Upload], files: int, size: int) -> bool:
    return sum(upload.count for upload in uploads) > files or sum(upload.size for upload in uploads) > size
