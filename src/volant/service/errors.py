"""A request that is refused: what a client is told, and with which HTTP status."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from volant.errors import DISK, VolantError

LATER = 60  # seconds after which a full disk may have room again


class RefusedError(VolantError):
    """A request can't be done.

    Args:
        message: What was given, what is allowed, what to do.
        status: Of HTTP.
        retry_after: Seconds after which it may be tried again.
    """

    def __init__(self, message: str, status: int = 422, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


@contextmanager
def on_disk(what: str) -> Iterator[None]:
    """Around what must be on the disk before a client is answered.

    Args:
        what: That was sent, for the message.

    Raises:
        RefusedError: If the disk is full or may not be written (507); without a path, since clients read it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise RefusedError(
            f"The service can't store {what}: {os.strerror(error.errno)}. Nothing of it was kept. Send it again later, "
            "or tell whoever runs the service.",
            507,
            LATER,
        ) from error
