"""A request that is refused: what a client is told, and with which HTTP status."""

from volant.errors import VolantError


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
