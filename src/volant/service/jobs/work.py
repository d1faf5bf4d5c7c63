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
PredictorFactory = Callable[[Job], Answer]


class StopError(Exception):
    """The end of the work on a job: it was stopped or removed, or the service shuts down."""


class Worker:
    """A worker for one job after the other.

    Args:
        store: Jobs on disk.
        predictor: Returns the function that predicts the texts of a job; called for each chunk, so that a job uses a
            new version at once.
        settings: Settings of the service.
        root: The project's root.
        closing: Set when the service shuts down.
    """

    def __init__(
        self, store: JobStore, predictor: PredictorFactory, settings: Settings, root: Path, closing: threading.Event
    ) -> None:
        self._store = store
        self._predictor = predictor
        self._settings = settings
        self._root = root
        self._closing = closing

    def work(self, job: Job) -> Iterator[None]:
        """Predict the rest of a job's documents, and upload the result; yield where other jobs get their turn.

        It raises `StopError` if the job is stopped or removed, or the service shuts down; `LaterError` if a store is
        temporarily unavailable; and another `VolantError` if the file can't be read or predicted, or the result can't
        be uploaded.
        """
        self._check_stop(job)
        before = self._progress(job)
        address = endpoint(self._root)
        if not (job.total and before.done == job.total):
            if job.total is None or not self._store.documents(job.id).exists():
                job = yield from self._read(job, address)
            yield from self._predict(job, before)
        if job.output:
            upload(self._store.result(job.id), f"{job.output.rstrip('/')}/{job.id}.jsonl", address)

    def _read(self, job: Job, address: str | None) -> Generator[None, None, Job]:
        """Read the file once before the predictions, to report a broken line at once and to know the total.

        Raises:
            VolantError: If the file doesn't exist any more, can't be read, or is too large.
        """
        path = self._store.input(job.id)
        limits = self._settings.jobs
        job = self._store.write(replace(job, state="IN_PROGRESS", started=job.started or now()))
        if not path.exists():
            if job.source is None:
                raise VolantError("The file of this job does not exist any more. Send it again.")
            download(job.source, path, limits.upload_bytes, address)
        bounds = Bounds(limits.line_characters, GROWTH * limits.upload_bytes, lambda: self._check_stop(job))
        texts = documents(path, job.form, job.column, job.written, job.name, bounds)
        total = 0
        try:
            for count in spool(texts, self._store.documents(job.id), limits.kept_bytes):
                total = count
                self._check_stop(job)
                yield
        except OverflowError as error:
            raise VolantError(
                f"The documents take more than {limits.kept_bytes} bytes (jobs.kept_bytes). Send the file in parts."
            ) from error
        job = self._store.write(replace(job, total=total))
        path.unlink(missing_ok=True)
        return job

    def _predict(self, job: Job, before: Progress) -> Iterator[None]:
        longest = self._settings.limits.characters_per_text
        result = self._store.result(job.id)
        most = self._settings.jobs.kept_bytes
        texts = spooled(self._store.documents(job.id))
        for progress in answer_all(texts, self._waiting_predictor(job), result, longest, before):
            job = self._store.write(replace(job, done=progress.done, size=progress.size))
            self._check_stop(job)
            if progress.size > most:
                raise VolantError(f"The result has more than {most} bytes (jobs.kept_bytes). Send the file in parts.")
            yield

    def _progress(self, job: Job) -> Progress:
        """Return the progress of an earlier run; the start if its result doesn't exist any more."""
        result = self._store.result(job.id)
        return Progress(job.done, job.size) if result.exists() and result.stat().st_size >= job.size else START

    def _waiting_predictor(self, job: Job) -> Answer:
        """Return a function that predicts with the deployed model; it waits for a model that isn't loaded yet."""

        def predict(texts: Sequence[str]) -> list[dict[str, Any]]:
            deadline = time.monotonic() + PATIENCE
            while True:
                self._check_stop(job)
                try:
                    return self._predictor(job)(texts)
                except RefusedError as error:
                    if error.status not in (404, 503) or time.monotonic() > deadline:
                        raise
                self._closing.wait(POLL)

        return predict

    def _check_stop(self, job: Job) -> None:
        if self._closing.is_set() or self._store.stopping(job.id) or not self._store.folder(job.id).exists():
            raise StopError
