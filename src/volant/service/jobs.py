"""Batch jobs: one thread of one process works on them, one after the other, and goes on after a restart."""

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from volant.errors import VolantError
from volant.service.documents import documents
from volant.service.jobs_answer import Answer, Progress, answer_all
from volant.service.jobs_remote import allowed, download, upload
from volant.service.jobs_store import FINAL, Job, JobStore, State, now
from volant.service.refused import RefusedError
from volant.service.settings import Settings
from volant.service.store import store

MOST_OF_ONE, MOST = 10, 100  # jobs of one client, and of all, that may wait
PATIENCE = 60.0  # seconds for a model that is not loaded yet, as after a restart
POLL = 0.5
log = logging.getLogger("volant.service")
Answering = Callable[[Job], Answer]


class StopError(Exception):
    """The work on a job ends here: it was stopped, or the service goes down."""


class Jobs:
    """Takes jobs and works on them.

    Args:
        answering: What answers the texts of a job now; asked again for each chunk, so that a job sees a new version.
        settings: Limits.
        root: The project.

    Attributes:
        store: What is kept.
    """

    def __init__(self, answering: Answering, settings: Settings | None = None, root: Path = Path()) -> None:
        self.store = JobStore(root)
        self._answering, self._settings, self._root = answering, settings or Settings(), root
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to work; on what was left by the process before first."""
        self._thread.start()

    def close(self) -> None:
        """Stop at the next chunk; the next start goes on there."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, job: Job, fill: Callable[[Path], object] | None = None) -> Job:
        """Take a job.

        Args:
            job: What is to be done.
            fill: Writes the documents to a path, where they are not on S3.

        Raises:
            RefusedError: If an address is not allowed (422), or too many jobs wait (429).
        """
        for uri in (job.source, job.output):
            if uri is not None:
                allowed(uri, self._settings.jobs.prefixes)
        waiting = [one for one in self.store.all() if one.state not in FINAL]
        if len(waiting) >= MOST or sum(one.owner == job.owner for one in waiting) >= MOST_OF_ONE:
            raise RefusedError(f"Too many jobs wait; {MOST_OF_ONE} of one client may, {MOST} of all.", 429, 60)
        self.store.create(job, fill)
        self._wake.set()
        return job

    def stop(self, identity: str) -> Job:
        """Ask for the end of a job; one that has ended stays as it is.

        Raises:
            RefusedError: 404 if there is none.
        """
        if self.store.get(identity).state not in FINAL:
            self.store.stop(identity)
            self._wake.set()
        return self.store.get(identity)

    def remove(self, identity: str) -> None:
        """Forget a job that has ended, and its result.

        Raises:
            RefusedError: 404 if there is none, 409 if it has not ended.
        """
        if self.store.get(identity).state not in FINAL:
            raise RefusedError("The job has not ended. Stop it first: POST /jobs/{id}/stop.", 409)
        self.store.remove(identity)

    def _run(self) -> None:
        with (self.store.home / "worker.lock").open("a") as lock:
            while not _held(lock):  # another process works, until it ends
                if self._closing.wait(POLL):
                    return
            self.store.tidy()
            while not self._closing.is_set():
                self._wake.clear()
                try:
                    for job in self.store.unended()[:1]:
                        self._work(job)
                        self._wake.set()
                except OSError as error:  # as a full disk; it is tried again
                    log.warning("Jobs wait: %s", error)
                self._wake.wait(POLL)

    def _work(self, job: Job) -> None:
        try:
            self._ended(self._answer(job), "COMPLETED")
        except StopError:
            if self.store.stopping(job.id):
                self._ended(self.store.get(job.id), "STOPPED")
        except (VolantError, FileNotFoundError) as error:
            self._ended(self.store.get(job.id), "FAILED", str(error))
        except OSError:
            raise
        except Exception as error:  # whatever a model does with a text, the next job must have its turn
            log.warning("Job %s failed: %s", job.id, type(error).__name__)  # its message might hold a text
            self._ended(self.store.get(job.id), "FAILED", f"Unexpected: {type(error).__name__}")

    def _answer(self, job: Job) -> Job:
        self._go_on(job)
        path, endpoint = self.store.input(job.id), self._endpoint()
        if job.source and not path.exists():
            download(job.source, path, self._settings.jobs.upload_bytes, endpoint)
        if job.total is None:  # one pass before the work: a broken line is told at once, and there is a percentage
            total = sum(1 for _ in self._watched(job, documents(path, job.form, job.column)))
            job = self.store.write(replace(job, state="IN_PROGRESS", total=total, started=now()))
        found = documents(path, job.form, job.column)
        longest, before = self._settings.limits.characters_per_text, Progress(job.done, job.size)
        for at in answer_all(found, self._answered(job), self.store.result(job.id), longest, before):
            job = self.store.write(replace(job, done=at.done, size=at.size))
            self._go_on(job)
        if job.output:
            upload(self.store.result(job.id), f"{job.output.rstrip('/')}/{job.id}.jsonl", endpoint)
        return job

    def _answered(self, job: Job) -> Answer:
        """Answers with whatever is deployed at the moment; waits for a model that isn't loaded yet."""

        def answer(texts: Sequence[str]) -> list[dict[str, Any]]:
            deadline = time.monotonic() + PATIENCE
            while True:
                self._go_on(job)
                try:
                    return self._answering(job)(texts)
                except RefusedError as error:
                    if error.status not in (404, 503) or time.monotonic() > deadline:
                        raise
                self._closing.wait(POLL)

        return answer

    def _watched(self, job: Job, found: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        for number, one in enumerate(found):
            if number % 10_000 == 0:
                self._go_on(job)
            yield one

    def _go_on(self, job: Job) -> None:
        if self._closing.is_set() or self.store.stopping(job.id):
            raise StopError

    def _ended(self, job: Job, state: State, error: str | None = None) -> None:
        self.store.write(replace(job, state=state, error=error, ended=now()))
        self.store.input(job.id).unlink(missing_ok=True)  # others' texts are kept no longer than is needed

    def _endpoint(self) -> str | None:
        with suppress(VolantError):
            return store(self._root).lake.endpoint_url
        return None


def _held(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
