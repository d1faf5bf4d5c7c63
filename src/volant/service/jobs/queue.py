"""The jobs in turns, a second each, client by client. Whatever becomes of one, the next has its turn."""

import fcntl
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import IO

from volant.bundle.batch.remote import LaterError
from volant.errors import VolantError
from volant.service.jobs.fairness import Turns
from volant.service.jobs.job import Job, State, now
from volant.service.jobs.store import JobStore
from volant.service.jobs.tries import Tries
from volant.service.jobs.work import POLL, StopError, Worker

TIDY = 3600.0  # seconds between two looks for jobs that ended long ago
BREATH = 5.0  # seconds after an error that no try of a job accounts for
log = logging.getLogger("volant.service")


class Queue:
    """Has the jobs worked on, one at a time.

    Args:
        store: Where they are.
        worker: Does the work.
        closing: Set when the service goes down.
    """

    def __init__(self, store: JobStore, worker: Worker, closing: threading.Event) -> None:
        self._store, self._worker, self._closing = store, worker, closing
        self._tries, self._wake, self._tidied = Tries(), threading.Event(), float("-inf")
        self._turns, self._begun = Turns(), dict[str, Iterator[None]]()

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def run(self) -> None:
        """Work until the service goes down; while another process does that, wait for its end."""
        while not self._closing.is_set():
            try:
                with (self._store.home / "worker.lock").open("a") as lock:
                    if _held(lock):
                        try:
                            self._take_turns()
                        finally:
                            self._begun.clear()  # another process may go on with them
            except Exception as error:  # without its message, which might hold a text
                log.warning("Jobs wait: %s", type(error).__name__)
                self._closing.wait(BREATH)
            self._closing.wait(POLL)

    def _take_turns(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            if time.monotonic() - self._tidied >= TIDY:
                self._tidied = time.monotonic()
                self._store.tidy()
            waiting = self._store.unended()
            self._tries.keep(waiting)
            names = {job.id for job in waiting}
            self._begun = {name: work for name, work in self._begun.items() if name in names}
            stopping = [job for job in waiting if self._store.stopping(job.id)]
            job = self._turns.next(stopping or [job for job in waiting if self._tries.due(job)])
            if job:
                self._work(job)
            else:
                self._wake.wait(POLL)

    def _work(self, job: Job) -> None:
        try:
            self._try(job)
        except LaterError as error:
            self._again(job.id, str(error))
        except OSError as error:  # as a full disk; its whole message names a path
            self._again(job.id, f"{error.strerror or type(error).__name__}.")

    def _try(self, job: Job) -> None:
        work = self._begun.pop(job.id, None) or self._worker.work(job)
        try:
            next(work)
            self._begun[job.id] = work
        except StopIteration:
            self._ended(job.id, "COMPLETED")
        except StopError:
            if self._store.stopping(job.id):
                self._ended(job.id, "STOPPED")
        except (LaterError, OSError):
            raise
        except VolantError as error:
            self._ended(job.id, "FAILED", str(error))
        except Exception as error:  # whatever a model does with a text; the message might hold that
            log.warning("Job %s failed: %s", job.id, type(error).__name__)
            self._ended(job.id, "FAILED", f"Unexpected: {type(error).__name__}")

    def _again(self, identity: str, why: str) -> None:
        job = self._store.find(identity)
        if job is None:  # it was removed meanwhile
            return
        if not self._tries.failed(job):
            self._ended(identity, "FAILED", why)
            return
        log.warning("Job %s waits to be tried again.", identity)
        with suppress(OSError):
            self._store.write(replace(job, error=f"{why} It is tried again soon."))

    def _ended(self, identity: str, state: State, error: str | None = None) -> None:
        job = self._store.find(identity)
        if job is None:
            return
        if state == "FAILED" and self._store.stopping(identity):  # who stopped it was told so
            state, error = "STOPPED", None
        job = replace(job, state=state, error=error, ended=now())
        if not job.whole:  # before anything is written: it may be what fills the disk
            self._store.drop(identity)
        elif error:
            job = replace(job, error=f"{error} The result can be had here: GET /jobs/{{id}}/result.")
        with suppress(FileNotFoundError):  # it was removed this moment
            self._store.write(job)
        self._store.forget_documents(identity)  # others' texts are kept no longer than is needed


def _held(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
