"""Uploads that wait to be handed to the API: how many files and bytes, of one client and of all."""

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

OF_ONE = 100  # files of one client
OF_ALL = 1000
SHARE = 3  # files of the largest size that one client may keep here
ROOM = 10  # of all
PARTS = 10  # of one form; the page sends one
SWEEP = 60  # seconds between two looks for old files


@dataclass
class Upload:
    """One form with files in it.

    Attributes:
        files: Where they lie; None as long as it is not known.
    """

    client: str
    size: int
    begun: float
    files: list[Path] | None = None

    @property
    def count(self) -> int:
        """Files that it may be."""
        return PARTS if self.files is None else len(self.files)

    def lies(self, now: float) -> bool:
        """Whether any of it is here still: the API may have it, or its time is over."""
        if self.files is None:
            return now - self.begun < DEAD
        return now - self.begun < HOUR and any(path.exists() for path in self.files)


@dataclass
class Uploads:
    """What lies here, counted in memory: nobody's upload has to look at everybody's files.

    Args:
        largest: Bytes of one file.
        clock: Seconds.
    """

    largest: int
    clock: Callable[[], float] = time.monotonic
    _known: list[Upload] = field(default_factory=list)
    _swept: float = 0

    def begin(self, client: str, size: int | None) -> Upload:
        """Make room for an upload, before a byte of it is read.

        Args:
            client: Whose it is.
            size: Bytes, if that is known.

        Raises:
            RefusedError: 429 or 503 if there is no room.
        """
        made = Upload(client, self.largest if size is None else min(size, self.largest), self.clock())
        if self._lacks(made):
            self._known = [one for one in self._known if one.lies(made.begun)]
        if lack := self._lacks(made):
            raise lack
        self._known.append(made)
        return made

    def end(self, upload: Upload, answer: bytes) -> None:
        """Note where the files of an upload are: Gradio's answer is their paths, unless it broke off.

        Args:
            upload: What `begin` gave.
            answer: Of Gradio.
        """
        found: Any = None
        with suppress(ValueError):
            found = json.loads(answer)
        if isinstance(found, list):
            upload.files = [Path(path) for path in found]
            upload.size = sum(_size(path) for path in upload.files)
        if self.clock() - self._swept > SWEEP:
            self._swept = self.clock()
            files.sweep()

    def _lacks(self, new: Upload) -> RefusedError | None:
        own = [one for one in self._known if one.client == new.client]
        if _over([*own, new], OF_ONE, SHARE * self.largest):
            told = f"Too many of your files wait here: at most {OF_ONE}, and {SHARE * self.largest} bytes, in an hour."
            return RefusedError(f"{told} Start their jobs, or try again later.", 429, 600)
        if _over([*self._known, new], OF_ALL, ROOM * self.largest):
            return RefusedError("Too many files wait here. Try again later.", 503, 600)
        return None


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # the API has it already
        return path.stat().st_size
    return 0


def _over(uploads: Sequence[Upload], files: int, size: int) -> bool:
    return sum(one.count for one in uploads) > files or sum(one.size for one in uploads) > size
