"""When a batch job is tried again that could not go on, as with a full disk or a store that is down."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from volant.service.jobs.job import Job

PAUSES = (1, 2, 4, 8, 16, 32, 60)  # seconds between tries: some two minutes, in which others have their turn


@dataclass(frozen=True)
class _Tried:
    done: int  # documents
    count: int
    until: float


class Tries:
    """How often each job was tried without getting further, and when the next try is."""

    def __init__(self) -> None:
        self._tried: dict[str, _Tried] = {}

    def due(self, job: Job) -> bool:
        """Whether a job may be worked on now."""
        return job.id not in self._tried or time.monotonic() >= self._tried[job.id].until

    def failed(self, job: Job) -> bool:
        """Count a try; whether another one makes sense. A job that got further since the last one has all of them."""
        before = self._tried.get(job.id)
        count = before.count + 1 if before and job.done <= before.done else 1
        pause = PAUSES[min(count, len(PAUSES)) - 1]
        self._tried[job.id] = _Tried(job.done, count, time.monotonic() + pause)
        return count <= len(PAUSES)

    def keep(self, jobs: Iterable[Job]) -> None:
        """Forget all but these."""
        names = {job.id for job in jobs}
        self._tried = {name: tried for name, tried in self._tried.items() if name in names}
