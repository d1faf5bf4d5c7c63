"""The work on one batch job: read its file, predict its documents, upload the result."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from volant.bundle.batch.answering import START, Answer, Progress, answer_all
from volant.bundle.batch.reading import GROWTH, Bounds, documents
from volant.bundle.batch.remote import download, endpoint, upload
from volant.errors import VolantError
from volant.service.errors import RefusedError
from volant.service.jobs.job import Job, now
from volant.service.jobs.spool import spool, spooled
from volant.service.jobs.store import JobStore
from volant.service.settings import Settings

PATIENCE = 60.0  # seconds to wait for a model that is not loaded yet, as after a restart
POLL = 0.5
AnswererFactory = Callable[[Job], Answer]


class StopError(Exception):
    """The end of the work on a job: it was stopped or removed, or the service shuts down."""


class Worker:
    """A worker for one job after the other.

    Args:
        store: Jobs on disk.
        answering: Returns the function that predicts the texts of a job; called for each chunk, so that a job follows a
            swap.
        settings: Settings of the service.
        root: The project's root.
        closing: Set when the service shuts down.
    """

    def __init__(
        self, store: JobStore, answering: AnswererFactory, settings: Settings, root: Path, closing: threading.Event
    ) -> None:
        self._store = store
        self._answering = answering
        self._settings = settings
        self._root = root
        self._closing = closing

    def work(self, job: Job) -> Iterator[None]:
        """Predict the rest of a job's documents, and upload the result; yield where other jobs get their turn.

        Raises:
            StopError: If the job is stopped or removed, or the service shuts down.
            LaterError: If a store is temporarily unavailable.
            VolantError: If the file can't be read or predicted, or the result can't be uploaded.
        """
        self._go_on(job)
        before = self._before(job)
        place = endpoint(self._root)
        if not (job.total and before.done == job.total):
            if job.total is None or not self._store.documents(job.id).exists():
                job = yield from self._read(job, place)
            yield from self._answer(job, before)
        if job.output:
            upload(self._store.result(job.id), f"{job.output.rstrip('/')}/{job.id}.jsonl", place)

    def _read(self, job: Job, place: str | None) -> Generator[None, None, Job]:
        """Read the file once before the predictions, to report a broken line at once and to know the total.

        Raises:
            VolantError: If the file is gone, can't be read, or is too large.
        """
        path = self._store.input(job.id)
        limits = self._settings.jobs
        job = self._store.write(replace(job, state="IN_PROGRESS", started=job.started or now()))
        if not path.exists():
            if job.source is None:
                raise VolantError("The file of this job is gone. Send it again.")
            download(job.source, path, limits.upload_bytes, place)
        bounds = Bounds(limits.line_characters, GROWTH * limits.upload_bytes, lambda: self._go_on(job))
        found = documents(path, job.form, job.column, job.written, job.name, bounds)
        total = 0
        try:
            for count in spool(found, self._store.documents(job.id), limits.kept_bytes):
                total = count
                self._go_on(job)
                yield
        except OverflowError as error:
            raise VolantError(
                f"Its documents take more than {limits.kept_bytes} bytes (jobs.kept_bytes). Send it in parts."
            ) from error
        job = self._store.write(replace(job, total=total))
        path.unlink(missing_ok=True)
        return job

    def _answer(self, job: Job, before: Progress) -> Iterator[None]:
        longest = self._settings.limits.characters_per_text
        result = self._store.result(job.id)
        most = self._settings.jobs.kept_bytes
        found = spooled(self._store.documents(job.id))
        for at in answer_all(found, self._answered(job), result, longest, before):
            job = self._store.write(replace(job, done=at.done, size=at.size))
            self._go_on(job)
            if at.size > most:
                raise VolantError(f"The result has more than {most} bytes (jobs.kept_bytes). Send it in parts.")
            yield

    def _before(self, job: Job) -> Progress:
        """Return the progress of an earlier run; the start if its result is gone."""
        result = self._store.result(job.id)
        return Progress(job.done, job.size) if result.exists() and result.stat().st_size >= job.size else START

    def _answered(self, job: Job) -> Answer:
        """Return a function that predicts with the deployed model; it waits for a model that isn't loaded yet."""

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

    def _go_on(self, job: Job) -> None:
        if self._closing.is_set() or self._store.stopping(job.id) or not self._store.folder(job.id).exists():
            raise StopError
