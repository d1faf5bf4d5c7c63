"""Bytes with a call between two blocks: a stop, or a time limit, must not wait for the end of a file."""

import io
from collections.abc import Callable
from typing import BinaryIO


class Watched(io.RawIOBase):
    """The bytes of another stream, which stays open.

    Args:
        stream: Seekable bytes.
        between: Called before each block is read; what it raises ends the reading.
    """

    def __init__(self, stream: BinaryIO, between: Callable[[], object]) -> None:
        super().__init__()
        self._stream = stream
        self._between = between

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read the next block into a buffer; 0 at the end."""
        self._between()
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()
