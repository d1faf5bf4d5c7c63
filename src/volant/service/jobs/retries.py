"""Retries of a batch job after a temporary error, such as a full disk or a store that is down."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from volant.service.jobs.job import Job

PAUSES = (1, 2, 4, 8, 16, 32, 60)  # seconds between attempts: about two minutes, in which other jobs get their turn


@dataclass(frozen=True)
class _Attempts:
    done: int  # number of documents
    count: int
    until: float


class Retries:
    """The number of failed attempts of each job since its last progress, and the time of the next one."""

    def __init__(self) -> None:
        self._attempts: dict[str, _Attempts] = {}

    def due(self, job: Job) -> bool:
        """Return True if a job may run now."""
        return job.id not in self._attempts or time.monotonic() >= self._attempts[job.id].until

    def failed(self, job: Job) -> bool:
        """Count a failed attempt; return True if another one is left. Progress since the last one resets the count."""
        before = self._attempts.get(job.id)
        count = before.count + 1 if before and job.done <= before.done else 1
        pause = PAUSES[min(count, len(PAUSES)) - 1]
        self._attempts[job.id] = _Attempts(job.done, count, time.monotonic() + pause)
        return count <= len(PAUSES)

    def keep(self, jobs: Iterable[Job]) -> None:
        """Remove all jobs except these."""
        ids = {job.id for job in jobs}
        self._attempts = {identity: attempts for identity, attempts in self._attempts.items() if identity in ids}
