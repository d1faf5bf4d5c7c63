"""Bytes with a call before each block, so that a stop or a time limit doesn't wait for the end of a file."""

import io
from collections.abc import Callable
from typing import BinaryIO


class Watched(io.RawIOBase):
    """The bytes of another stream, which stays open.

    Args:
        stream: Seekable bytes.
        between: Function that is called before each block is read; an error that it raises ends the reading.
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
        """Move to a position and return it."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()
