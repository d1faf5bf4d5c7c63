"""How fast texts are answered, and how long what waits will take at that pace."""

import math

MEMORY = 5.0  # seconds of work after which what was seen counts a third; after a pause as long it counts nothing


class Pace:
    """Work done in a second, in the tokens of `fair.cost`; what was seen last counts most.

    Example:
        >>> pace = Pace()
        >>> pace.seconds(100), pace.work(0.5, most=1000)
        (0.0, 1000)
        >>> pace.saw(20, 0.1)
        >>> round(pace.seconds(100), 3), pace.work(0.5, most=1000)
        (0.5, 100)
    """

    def __init__(self) -> None:
        self._seen = (0.0, 0.0)  # work, seconds: replaced together, as other threads read it

    def saw(self, work: int, seconds: float) -> None:
        """So much was done in so much time."""
        kept = math.exp(-seconds / MEMORY)
        self._seen = (self._seen[0] * kept + work, self._seen[1] * kept + seconds)

    def seconds(self, work: float) -> float:
        """How long so much will take; 0 as long as nothing was done."""
        done, took = self._seen
        return work * took / done if done else 0.0

    def work(self, seconds: float, most: int) -> int:
        """How much is done in so much time, `most` at most; all of that as long as nothing was done."""
        done, took = self._seen
        return round(min(most, seconds * done / took)) if took else most
