"""The work on one batch job: its file comes, its documents are answered, the result goes where it was asked for."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from volant.errors import VolantError
from volant.service.documents import GROWTH, documents
from volant.service.job import Job, now
from volant.service.jobs_answer import START, Answer, Progress, answer_all
from volant.service.jobs_remote import download, endpoint, upload
from volant.service.jobs_store import JobStore
from volant.service.refused import RefusedError
from volant.service.settings import Settings

PATIENCE = 60.0  # seconds for a model that is not loaded yet, as after a restart
POLL = 0.5
Answering = Callable[[Job], Answer]


class StopError(Exception):
    """The work on a job ends here: it was stopped or removed, or the service goes down."""


class Worker:
    """Works on one job after the other.

    Args:
        store: Where the jobs are.
        answering: What answers the texts of a job now; asked again for each chunk, so that a job sees a new version.
        settings: Limits.
        root: The project.
        closing: Set when the service goes down.
    """

    def __init__(
        self, store: JobStore, answering: Answering, settings: Settings, root: Path, closing: threading.Event
    ) -> None:
        self._store, self._answering, self._settings = store, answering, settings
        self._root, self._closing = root, closing

    def work(self, job: Job) -> None:
        """Answer what isn't answered yet, and put the result where it was asked for.

        Raises:
            StopError: If it is to end before that.
            LaterError: If a store does not answer now.
            VolantError: If the file can't be read or answered, or the result can't be put there.
        """
        self._go_on(job)
        before, place = self._before(job), endpoint(self._root)
        if not (job.total and before.done == job.total):
            self._answer(job, before, place)
        if job.output:
            upload(self._store.result(job.id), f"{job.output.rstrip('/')}/{job.id}.jsonl", place)

    def _answer(self, job: Job, before: Progress, place: str | None) -> None:
        path, limits = self._store.input(job.id), self._settings.jobs
        if not path.exists():
            if job.source is None:
                raise VolantError("The file of this job is gone. Send it again.")
            download(job.source, path, limits.upload_bytes, place)
        if job.total is None:  # one pass before the work: a broken line is told at once, and there is a percentage
            total = sum(1 for _ in self._watched(job, self._documents(job)))
            job = self._store.write(replace(job, state="IN_PROGRESS", total=total, started=now()))
        longest, result = self._settings.limits.characters_per_text, self._store.result(job.id)
        for at in answer_all(self._documents(job), self._answered(job), result, longest, before):
            job = self._store.write(replace(job, done=at.done, size=at.size))
            self._go_on(job)
            if at.size > limits.kept_bytes:
                raise VolantError(
                    f"The result has more than {limits.kept_bytes} bytes (jobs.kept_bytes). Send it in parts."
                )

    def _before(self, job: Job) -> Progress:
        """How far it was; the start where what was answered is not there any more."""
        result = self._store.result(job.id)
        return Progress(job.done, job.size) if result.exists() and result.stat().st_size >= job.size else START

    def _documents(self, job: Job) -> Iterator[tuple[int, str]]:
        most = GROWTH * self._settings.jobs.upload_bytes
        return documents(self._store.input(job.id), job.form, job.column, job.written, job.name, most)

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
        if self._closing.is_set() or self._store.stopping(job.id) or not self._store.folder(job.id).exists():
            raise StopError
