"""How fast texts are answered, and how long what waits will take at that pace."""

import math

MEMORY = 5.0  # seconds of work after which what was seen counts a third; after a pause as long it counts nothing


class Pace:
    """Texts answered in a second of work; what was seen last counts most.

    Example:
        >>> pace = Pace()
        >>> pace.seconds(100)
        0.0
        >>> pace.saw(20, 0.1)
        >>> round(pace.seconds(100), 3)
        0.5
    """

    def __init__(self) -> None:
        self._seen = (0.0, 0.0)  # texts, seconds: replaced together, as other threads read it

    def saw(self, texts: int, seconds: float) -> None:
        """So many texts were answered in so much time."""
        kept = math.exp(-seconds / MEMORY)
        self._seen = (self._seen[0] * kept + texts, self._seen[1] * kept + seconds)

    def seconds(self, texts: int) -> float:
        """How long so many texts will take; 0 as long as nothing was answered."""
        answered, took = self._seen
        return texts * took / answered if answered else 0.0
