"""Errors that are shown as a message without a traceback: mistakes of the user, and errors of the disk.

VolantError        what was given, what is allowed, what to do next; exit code 2
OSError            a disk that can't be written, described by `disk_trouble`; exit code 1
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
    errno.EACCES: "Check its permissions",
    errno.EPERM: "Check its permissions",
    errno.EIO: "Check that disk",
}


class VolantError(Exception):
    """An invalid input; the message says what was given, what is allowed, and what to do next."""


def disk_trouble(error: OSError) -> str | None:
    """Return the message for a disk that is full or not writable; None for any other error.

    Example:
        >>> disk_trouble(OSError(errno.EROFS, "any", "data/a.parquet"))
        'data/a.parquet: Read-only file system. Make that disk writable, and run the same command again.'
    """
    if error.errno not in DISK:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{os.strerror(error.errno)}. {DISK[error.errno]}, and run the same command again."


NEAR_SHOWN = 200  # maximum characters of a suggested name
# limits of the comparison, whose time grows with the square of the length
NEAR_NAMES = 1000
NEAR_CHARACTERS = 40


def did_you_mean(name: str, known: Any) -> str:
    """Return ` Did you mean 'x'?` if a valid name is similar, else an empty string.

    Only the first 40 characters of the first 1,000 names are compared: names also come from files and requests, and a
    comparison of long names takes milliseconds.

    Args:
        name: The name that was given.
        known: The valid names.

    Example:
        >>> did_you_mean("lable", ["label", "text"])
        " Did you mean 'label'?"
    """
    names = {str(valid)[:NEAR_CHARACTERS]: str(valid) for valid in islice(known, NEAR_NAMES)}
    near = difflib.get_close_matches(str(name)[:NEAR_CHARACTERS], names, n=1)
    return f" Did you mean '{names[near[0]][:NEAR_SHOWN]}'?" if near else ""
