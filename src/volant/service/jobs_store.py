"""Batch jobs on the disk: a folder each, which exists only when all of it is there."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from volant.schema import write_text
from volant.service.documents import Form
from volant.service.refused import RefusedError

HOME = Path(".volant/service/jobs")
ID = re.compile(r"[0-9a-f]{32}")
KEPT = 7 * 24 * 3600  # seconds that a finished job and its result are kept
State = Literal["SUBMITTED", "IN_PROGRESS", "COMPLETED", "FAILED", "STOPPED"]
FINAL = ("COMPLETED", "FAILED", "STOPPED")


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        id: Ours.
        model: Name of the deployment that answers.
        form: Of the file.
        column: Or key that holds the text.
        all_scores: Whether each answer has the probability of every label.
        owner: Which client sent it, as a keyed hash.
        created: When, ISO 8601 in UTC.
        source: Address of the file, if it was not sent along.
        output: Folder where the result goes as `<id>.jsonl`, if not only to who fetches it.
        state: Of the work.
        done: Documents that are answered.
        total: How many there are; None until they are counted.
        size: Bytes of the result up to `done`.
        started: When.
        ended: When.
        error: Why it failed.
    """

    id: str
    model: str
    form: Form
    column: str
    all_scores: bool
    owner: str
    created: str
    source: str | None = None
    output: str | None = None
    state: State = "SUBMITTED"
    done: int = 0
    total: int | None = None
    size: int = 0
    started: str | None = None
    ended: str | None = None
    error: str | None = None

    @property
    def percent(self) -> float:
        """How much is done, 0 to 100."""
        if self.state == "COMPLETED":
            return 100.0
        return round(100 * self.done / self.total, 1) if self.total else 0.0


class JobStore:
    """The jobs of a project; every process sees all of them. Only the one that works on them changes them."""

    def __init__(self, root: Path = Path()) -> None:
        self.home = root / HOME
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ended: set[str] = set()

    def create(self, job: Job, fill: Callable[[Path], object] | None = None) -> Job:
        """Keep a new job; `fill` writes its input to the path that it is given."""
        part = self.home / f".{job.id}.part"
        part.mkdir(mode=0o700)
        try:
            if fill:
                fill(part / "input")
            self._write(job, part)
            os.replace(part, self.folder(job.id))
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return job

    def get(self, identity: str) -> Job:
        """The job of that id.

        Raises:
            RefusedError: 404 if there is none.
        """
        job = self._read(identity) if ID.fullmatch(identity) else None
        if job is None:
            raise RefusedError("There is no such job.", 404)
        # one that nobody works on yet is stopped at once
        return replace(job, state="STOPPED") if job.state == "SUBMITTED" and self.stopping(job.id) else job

    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        jobs = []
        for path in self.home.iterdir():
            with suppress(RefusedError):
                jobs.append(self.get(path.name))
        return sorted(jobs, key=lambda job: (job.created, job.id))

    def unended(self) -> list[Job]:
        """Jobs on which somebody has to work, the oldest first; ended ones are read once."""
        names = [path.name for path in self.home.iterdir() if path.name not in self._ended and ID.fullmatch(path.name)]
        jobs = [job for one in names if (job := self._read(one))]
        self._ended |= {job.id for job in jobs if job.state in FINAL}
        return sorted((job for job in jobs if job.state not in FINAL), key=lambda job: (job.created, job.id))

    def write(self, job: Job) -> Job:
        """Keep what became of a job."""
        self._write(job, self.folder(job.id))
        return job

    def stop(self, identity: str) -> None:
        """Ask for the end of a job; whoever works on it sees that."""
        (self.folder(identity) / "stop").touch()

    def stopping(self, identity: str) -> bool:
        """Whether the end of a job was asked for."""
        return (self.folder(identity) / "stop").exists()

    def remove(self, identity: str) -> None:
        """Forget a job and its result."""
        shutil.rmtree(self.folder(identity), ignore_errors=True)

    def tidy(self) -> None:
        """Forget jobs that ended long ago, and what a crash left of those that never were."""
        old = time.time() - KEPT
        for path in self.home.iterdir():
            with suppress(FileNotFoundError, RefusedError):
                unfinished = ID.fullmatch(path.name) and self.get(path.name).state not in FINAL
                if path.is_dir() and not unfinished and path.stat().st_mtime < old:
                    shutil.rmtree(path, ignore_errors=True)

    def folder(self, identity: str) -> Path:
        """Where a job is."""
        return self.home / identity

    def input(self, identity: str) -> Path:
        """Its documents."""
        return self.folder(identity) / "input"

    def result(self, identity: str) -> Path:
        """Its answers."""
        return self.folder(identity) / "result.jsonl"

    def _read(self, identity: str) -> Job | None:
        with suppress(FileNotFoundError):
            return Job(**json.loads((self.folder(identity) / "job.json").read_text(encoding="utf-8")))
        return None

    def _write(self, job: Job, folder: Path) -> None:
        write_text(json.dumps(asdict(job)), folder / "job.json")


def new(model: str, form: Form, column: str, owner: str, all_scores: bool = False) -> Job:
    """A job with an id and a time of its own."""
    return Job(uuid4().hex, model, form, column, all_scores, owner, now())


def now() -> str:
    """The time in UTC; fine enough that of two jobs the first is told from the second."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
