"""The errors that are told as a message without a traceback: the user's own, and those of the disk.

VolantError        given, allowed, what to do next; exit code 2
OSError            of a disk that takes no more, as `disk_trouble` tells it; exit code 1
"""

import errno
import os

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
