"""The measured pace of a model, from which waits are estimated and batches are sized."""

import math

MEMORY = 5.0  # seconds of work after which a measurement counts 1/e; a pause of that length discards it


class Pace:
    """Measured work per second, in the tokens of `fair.cost`; recent work counts most.

    Example:
        >>> pace = Pace()
        >>> pace.seconds(100), pace.work(0.5, most=1000)
        (0.0, 1000)
        >>> pace.record(20, 0.1)
        >>> round(pace.seconds(100), 3), pace.work(0.5, most=1000)
        (0.5, 100)
    """

    def __init__(self) -> None:
        self._total = (0.0, 0.0)  # work and seconds: replaced together, as other threads read them

    def record(self, work: int, seconds: float) -> None:
        """Record the work and the duration of a batch.

        Args:
            work: Work in tokens.
            seconds: Duration in seconds.
        """
        weight = math.exp(-seconds / MEMORY)  # of the earlier measurements
        before = self._total
        self._total = (before[0] * weight + work, before[1] * weight + seconds)

    def seconds(self, work: float) -> float:
        """Return the expected seconds for some work in tokens; 0 before the first measurement."""
        total_work, total_seconds = self._total
        return work * total_seconds / total_work if total_work else 0.0

    def work(self, seconds: float, most: int) -> int:
        """Return the expected work in tokens within some time; `most` before the first measurement.

        Args:
            seconds: Time in seconds.
            most: Maximum of the result.
        """
        total_work, total_seconds = self._total
        return round(min(most, seconds * total_work / total_seconds)) if total_seconds else most
