"""The queue of jobs: jobs get turns of a second, client by client; an error of one job doesn't affect the others."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from volant.bundle.batch.remote import LaterError
from volant.errors import VolantError
from volant.service.jobs.fairness import Turns
from volant.service.jobs.job import Job, State, now
from volant.service.jobs.retries import Retries
from volant.service.jobs.store import JobStore
from volant.service.jobs.work import POLL, StopError, Worker
from volant.workspace.locks import try_lock

TIDY = 3600.0  # seconds between two removals of old jobs
PAUSE = 5.0  # seconds after an error that doesn't belong to a job
log = logging.getLogger("volant.service")


class Queue:
    """A loop that works on the jobs, one at a time.

    Args:
        store: Jobs on disk.
        worker: Worker that does the work.
        closing: Set when the service shuts down.
    """

    def __init__(self, store: JobStore, worker: Worker, closing: threading.Event) -> None:
        self._store = store
        self._worker = worker
        self._closing = closing
        self._retries = Retries()
        self._wake = threading.Event()
        self._tidied = float("-inf")
        self._turns = Turns()
        self._started = dict[str, Iterator[None]]()  # interrupted work, by job

    def wake(self) -> None:
        """Wake the loop for a new job or a stop."""
        self._wake.set()

    def run(self) -> None:
        """Work until the service shuts down; while another process works, wait for its end."""
        while not self._closing.is_set():
            try:
                with (self._store.home / "worker.lock").open("a") as lock:
                    if try_lock(lock):
                        try:
                            self._take_turns()
                        finally:
                            self._started.clear()  # another process may continue them
            except Exception as error:  # its message is not logged, as it may contain a text
                log.warning("Jobs are paused: %s", type(error).__name__)
                self._closing.wait(PAUSE)
            self._closing.wait(POLL)

    def _take_turns(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            if time.monotonic() - self._tidied >= TIDY:
                self._tidied = time.monotonic()
                self._store.tidy()
            waiting = self._store.unended()
            self._retries.keep(waiting)
            ids = {job.id for job in waiting}
            self._started = {identity: work for identity, work in self._started.items() if identity in ids}
            stopping = [job for job in waiting if self._store.stopping(job.id)]
            job = self._turns.next(stopping or [job for job in waiting if self._retries.due(job)])
            if job:
                self._work(job)
            else:
                self._wake.wait(POLL)

    def _work(self, job: Job) -> None:
        try:
            self._try(job)
        except LaterError as error:
            self._retry_later(job.id, str(error))
        except OSError as error:  # such as a full disk; the whole message contains a path
            self._retry_later(job.id, f"{error.strerror or type(error).__name__}.")

    def _try(self, job: Job) -> None:
        work = self._started.pop(job.id, None) or self._worker.work(job)
        try:
            next(work)
            self._started[job.id] = work
        except StopIteration:
            self._end(job.id, "COMPLETED")
        except StopError:
            if self._store.stopping(job.id):
                self._end(job.id, "STOPPED")
        except (LaterError, OSError):
            raise
        except VolantError as error:
            self._end(job.id, "FAILED", str(error))
        except Exception as error:  # any error of a model; the message may contain the text
            log.warning("Job %s failed: %s", job.id, type(error).__name__)
            self._end(job.id, "FAILED", f"Unexpected error: {type(error).__name__}")

    def _retry_later(self, identity: str, reason: str) -> None:
        job = self._store.find(identity)
        if job is None:  # removed in the meantime
            return
        if not self._retries.failed(job):
            self._end(identity, "FAILED", reason)
            return
        log.warning("Job %s is retried later.", identity)
        with suppress(OSError):
            self._store.write(replace(job, error=f"{reason} It is retried soon."))

    def _end(self, identity: str, state: State, error: str | None = None) -> None:
        job = self._store.find(identity)
        if job is None:
            return
        if state == "FAILED" and self._store.stopping(identity):  # the client was told already that it is stopped
            state = "STOPPED"
            error = None
        job = replace(job, state=state, error=error, ended=now())
        if not job.whole:  # before anything is written, as its files may fill the disk
            self._store.drop(identity)
        elif error:
            job = replace(job, error=f"{error} The result is available at GET /jobs/{{id}}/result.")
        with suppress(FileNotFoundError):  # removed in the meantime
            self._store.write(job)
        self._store.delete_documents(identity)  # texts of clients are stored no longer than needed
