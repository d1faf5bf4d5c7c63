"""Fair turns between clients: a file with one line doesn't wait for ten long files of another client."""

from collections.abc import Sequence
from itertools import count

from volant.service.jobs.job import Job


class Turns:
    """A round robin of clients: the next job is the oldest one of the client that has waited longest.

    Example:
        >>> from volant.service.jobs.job import new
        >>> ann, bob = (new("reviews", "lines", "text", owner) for owner in ("ann", "bob"))
        >>> turns = Turns()
        >>> [turns.next([ann, bob]).owner for _ in range(3)]
        ['ann', 'bob', 'ann']
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}  # number of the last turn by client
        self._count = count(1)

    def next(self, jobs: Sequence[Job]) -> Job | None:
        """Return the next of the jobs that can run, given oldest first; None if there is none."""
        oldest: dict[str, Job] = {}
        for job in jobs:
            oldest.setdefault(job.owner, job)
        self._last = {owner: last for owner, last in self._last.items() if owner in oldest}
        chosen = min(oldest.values(), key=lambda job: self._last.get(job.owner, 0), default=None)
        if chosen:
            self._last[chosen.owner] = next(self._count)
        return chosen
