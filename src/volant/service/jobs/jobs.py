"""Batch jobs: one thread of one process works on them in turns, and resumes them after a restart."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from volant.service.errors import RefusedError
from volant.service.jobs.job import FINAL, Job
from volant.service.jobs.queue import Queue
from volant.service.jobs.store import JobStore
from volant.service.jobs.work import PredictorFactory, Worker
from volant.service.settings import Settings

# maximum number of waiting jobs, of one client and of all
MOST_OF_ONE = 10
MOST = 100


class Jobs:
    """The batch jobs of a service.

    Args:
        predictor: Returns the function that predicts the texts of a job; called for each chunk, so that a job uses a
            new version at once.
        settings: Settings of the service; defaults if None.
        root: The project's root.

    Attributes:
        store: Jobs on disk.
    """

    def __init__(self, predictor: PredictorFactory, settings: Settings | None = None, root: Path = Path()) -> None:
        self.store = JobStore(root)
        self._settings = settings or Settings()
        self._closing = threading.Event()
        worker = Worker(self.store, predictor, self._settings, root, self._closing)
        self._queue = Queue(self.store, worker, self._closing)
        self._thread = threading.Thread(target=self._queue.run, name="jobs", daemon=True)

    def start(self) -> None:
        """Start to work, on unfinished jobs first."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the present chunk; the next start resumes after it."""
        self._closing.set()
        self._queue.wake()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, job: Job, fill: Callable[[Path], object] | None = None) -> Job:
        """Submit a job.

        Args:
            job: The job.
            fill: Writes the documents to a path; None if they are on S3.

        Raises:
            RefusedError: 422 if an address is not allowed, 429 if too many jobs are waiting, 413 if too much of this
                client would be stored.
        """
        for uri in (job.source, job.output):
            if uri is not None:
                allowed(uri, self._settings.jobs.prefixes)
        jobs = self.store.all()
        waiting = [other for other in jobs if other.state not in FINAL]
        if len(waiting) >= MOST or sum(other.owner == job.owner for other in waiting) >= MOST_OF_ONE:
            raise RefusedError(f"Too many jobs wait; allowed are {MOST_OF_ONE} per client, {MOST} in all.", 429, 60)
        stored = sum(self.store.bytes_of(other.id) for other in jobs if other.owner == job.owner)
        self._require_room(stored)  # checked before anything is copied

        def fill_checked(path: Path) -> None:
            if fill:
                fill(path)
                self._require_room(stored + path.stat().st_size)

        self.store.create(job, fill_checked)
        self._queue.wake()
        return job

    def stop(self, identity: str) -> Job:
        """Request the stop of a job; one that has ended is not changed. An unknown id is refused with 404."""
        if self.store.get(identity).state not in FINAL:
            with suppress(FileNotFoundError):  # removed in the meantime
                self.store.stop(identity)
            self._queue.wake()
        return self.store.get(identity)

    def remove(self, identity: str) -> None:
        """Delete a job that has ended, and its result.

        Raises:
            RefusedError: 404 if there is none, 409 if it has not ended.
        """
        if self.store.get(identity).state not in FINAL:
            raise RefusedError("The job has not ended. Stop it first: POST /jobs/{id}/stop.", 409)
        self.store.remove(identity)

    def _require_room(self, stored: int) -> None:
        most = self._settings.jobs.kept_bytes
        if stored > most:
            raise RefusedError(
                f"Your jobs would take {stored} bytes; jobs.kept_bytes is {most}. Delete some that have ended: "
                "DELETE /jobs/{id}. After a week they are deleted automatically.",
                413,
            )


def allowed(uri: str, prefixes: Sequence[str]) -> str:
    """Return an address after checking that it is an object or folder under an allowed prefix.

    Raises:
        RefusedError: 422 if it is not.

    Example:
        >>> allowed("s3://bucket/in/a.csv", ["s3://bucket/in/"])
        's3://bucket/in/a.csv'
    """
    parts = uri.removeprefix("s3://").removesuffix("/").split("/")
    plain = uri.startswith("s3://") and uri.isprintable() and not {"", ".", ".."} & set(parts)
    if plain and any(
        f"{uri}/".startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes if prefix.startswith("s3://")
    ):
        return uri
    listed = ", ".join(prefixes) or "none (jobs.prefixes in service.yaml)"
    raise RefusedError(f"This address is not allowed. Allowed are objects under these prefixes: {listed}.")
