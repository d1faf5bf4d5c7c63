"""Refused requests: the message for the client, and the HTTP status."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from volant.errors import DISK, VolantError

RETRY_AFTER = 60  # seconds after which a full disk may have room again


class RefusedError(VolantError):
    """A request that is refused.

    Args:
        message: What was given, what is allowed, what to do next.
        status: HTTP status.
        retry_after: Seconds after which a retry may succeed; None if a retry is useless.
    """

    def __init__(self, message: str, status: int = 422, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


@contextmanager
def on_disk(what: str) -> Iterator[None]:
    """Refuse the request if the body of the `with` statement can't write to the disk.

    Args:
        what: Name of the data in the message.

    Raises:
        RefusedError: 507 if the disk is full or not writable; without a path, since clients read the message.
        OSError: Any other error of the body.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise RefusedError(
            f"The service can't store {what}: {os.strerror(error.errno)}. Nothing was stored. Send it again later, or "
            "contact the operator of the service.",
            507,
            RETRY_AFTER,
        ) from error
