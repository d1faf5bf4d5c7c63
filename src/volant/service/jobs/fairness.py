"""Fair turns between clients: whoever sends one line does not wait for the end of another's ten long files."""

from collections.abc import Sequence
from itertools import count

from volant.service.jobs.job import Job


class Turns:
    """Which job is worked on next: of the client that waited longest the oldest one.

    Example:
        >>> from volant.service.jobs.job import new
        >>> ann, bob = (new("reviews", "lines", "text", owner) for owner in ("ann", "bob"))
        >>> turns = Turns()
        >>> [turns.next([ann, bob]).owner for _ in range(3)]
        ['ann', 'bob', 'ann']
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}  # by client
        self._count = count(1)

    def next(self, jobs: Sequence[Job]) -> Job | None:
        """Choose among jobs that can go on, the oldest first; None if there is none."""
        oldest: dict[str, Job] = {}
        for job in jobs:
            oldest.setdefault(job.owner, job)
        self._last = {owner: last for owner, last in self._last.items() if owner in oldest}
        chosen = min(oldest.values(), key=lambda job: self._last.get(job.owner, 0), default=None)
        if chosen:
            self._last[chosen.owner] = next(self._count)
        return chosen
