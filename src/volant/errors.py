"""The errors that are told as a message without a traceback: the user's own, and those of the disk.

VolantError        given, allowed, what to do next; exit code 2
OSError            of a disk that takes no more, as `disk_trouble` tells it; exit code 1
"""

import difflib
import errno
import os
from itertools import islice
from typing import Any

DISK = {
    errno.ENOSPC: "Free some space on that disk",
    errno.EDQUOT: "Free some space of your quota on that disk",
    errno.EFBIG: "Lift the limit on the size of a file (`ulimit -f`)",
    errno.EROFS: "Make that disk writable",
    errno.EACCES: "Mend its rights",
    errno.EPERM: "Mend its rights",
    errno.EIO: "Check that disk",
}


class VolantError(Exception):
    """Something given to Volant can't be used; the message says what was given, what is allowed, what to do."""


def disk_trouble(error: OSError) -> str | None:
    """What to tell of a disk that is full, or may not be written; None where it is something else.

    Example:
        >>> disk_trouble(OSError(errno.EROFS, "any", "data/a.parquet"))
        'data/a.parquet: Read-only file system. Make that disk writable, and run the same command again.'
    """
    if error.errno not in DISK:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(error.errno)}. {DISK[error.errno]}, and run the same command again."


NEAR_SHOWN = 200  # characters of a name that is proposed
# that are compared: each comparison takes the square of the length
NEAR_NAMES = 1000
NEAR_CHARACTERS = 40


def did_you_mean(name: str, known: Any) -> str:
    """` Did you mean 'x'?` when a known name is near, else nothing.

    The first 40 characters of the first 1,000 names are compared: names come from files and requests too, and a
    comparison of long ones takes milliseconds.

    Example:
        >>> did_you_mean("lable", ["label", "text"])
        " Did you mean 'label'?"
    """
    names = {str(one)[:NEAR_CHARACTERS]: str(one) for one in islice(known, NEAR_NAMES)}
    near = difflib.get_close_matches(str(name)[:NEAR_CHARACTERS], names, n=1)
    return f" Did you mean '{names[near[0]][:NEAR_SHOWN]}'?" if near else ""
