"""Random ids of answers, drawn many at a time: each call of the system gives the interpreter up to other threads."""

import os
from uuid import UUID

BYTES = 16  # of an id
AT_ONCE = 1024


class Identifiers:
    """Gives version 4 UUIDs as hexadecimal digits; for one thread.

    Example:
        >>> first, second = Identifiers().take(2)
        >>> len(first), first[12], first == second
        (32, '4', False)
    """

    def __init__(self) -> None:
        self._left = b""

    def take(self, count: int) -> list[str]:
        """Return so many ids, which nobody got before."""
        needed = count * BYTES
        if len(self._left) < needed:
            self._left = os.urandom(max(needed, AT_ONCE * BYTES))
        drawn = self._left[:needed]
        self._left = self._left[needed:]
        return [UUID(bytes=drawn[start : start + BYTES], version=4).hex for start in range(0, needed, BYTES)]
