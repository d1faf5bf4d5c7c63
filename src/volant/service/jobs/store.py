"""Batch jobs on the disk: a folder each, which exists only when all of it is there."""

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter

from volant.service.errors import RefusedError
from volant.service.jobs.job import FINAL, Job
from volant.service.jobs.spool import part_of
from volant.workspace.files import part_path, private
from volant.workspace.paths import SERVICE

HOME = SERVICE / "jobs"
ID = re.compile(r"[0-9a-f]{32}")
KEPT = 7 * 24 * 3600  # seconds that a finished job and its result are kept
LEFT = 24 * 3600  # and what a crash left of those that never were, or of removed ones
log = logging.getLogger("volant.service")


JOB = TypeAdapter(Job)


class JobStore:
    """The jobs of a project; every process sees all of them. Only the one that works on them changes them."""

    def __init__(self, root: Path = Path()) -> None:
        self.home = private(root / HOME)
        self._ended: set[str] = set()
        self._unreadable: set[str] = set()

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
        job = self.find(identity)
        if job is None:
            raise RefusedError("There is no such job.", 404)
        # one that nobody works on yet is stopped at once
        return replace(job, state="STOPPED") if job.state == "SUBMITTED" and self.stopping(job.id) else job

    def find(self, identity: str) -> Job | None:
        """The job of that id as it was written, if there is one that can be read."""
        return self._read(identity) if ID.fullmatch(identity) else None

    def all(self) -> list[Job]:
        """Every job, the oldest first."""
        jobs = []
        for path in self.home.iterdir():
            with suppress(RefusedError):
                jobs.append(self.get(path.name))
        return sorted(jobs, key=lambda job: (job.created, job.id))

    def unended(self) -> list[Job]:
        """Jobs on which somebody has to work, the oldest first; ended ones are read once."""
        names = {path.name for path in self.home.iterdir()}
        self._ended &= names
        jobs = [job for one in names - self._ended if (job := self.find(one))]
        self._ended |= {job.id for job in jobs if job.state in FINAL}
        return sorted((job for job in jobs if job.state not in FINAL), key=lambda job: (job.created, job.id))

    def write(self, job: Job) -> Job:
        """Keep what became of a job.

        Raises:
            FileNotFoundError: If it was removed.
        """
        self._write(job, self.folder(job.id))
        return job

    def stop(self, identity: str) -> None:
        """Ask for the end of a job; whoever works on it sees that."""
        (self.folder(identity) / "stop").touch()

    def stopping(self, identity: str) -> bool:
        """Whether the end of a job was asked for."""
        return (self.folder(identity) / "stop").exists()

    def remove(self, identity: str) -> None:
        """Forget a job and its result, at once: who still works on it finds nothing, and can't bring it back."""
        gone = self.home / f".{identity}.{uuid4().hex[:8]}.part"
        with suppress(FileNotFoundError):
            os.replace(self.folder(identity), gone)
            shutil.rmtree(gone, ignore_errors=True)

    def drop(self, identity: str) -> None:
        """Forget the documents of a job, and the part of them that is answered."""
        self.result(identity).unlink(missing_ok=True)
        self.forget_documents(identity)

    def forget_documents(self, identity: str) -> None:
        """Forget the file that was sent and its documents, also what a crash left of them."""
        documents = self.documents(identity)
        for path in (self.input(identity), documents, part_of(documents)):
            path.unlink(missing_ok=True)

    def bytes_of(self, identity: str) -> int:
        """What a job takes on the disk."""
        size = 0
        with suppress(FileNotFoundError):
            for path in self.folder(identity).iterdir():
                with suppress(FileNotFoundError):  # a part that got its name this moment
                    size += path.stat().st_size
        return size

    def tidy(self) -> None:
        """Forget jobs that ended long ago, what can't be read any more, and what a crash left."""
        for path in list(self.home.iterdir()):
            job = self.find(path.name)
            if job is None or job.state in FINAL:
                with suppress(FileNotFoundError):
                    age = time.time() - path.stat().st_mtime
                    if path.is_dir() and age > (LEFT if path.name.startswith(".") else KEPT):
                        shutil.rmtree(path, ignore_errors=True)

    def folder(self, identity: str) -> Path:
        """Where a job is."""
        return self.home / identity

    def input(self, identity: str) -> Path:
        """The file that was sent."""
        return self.folder(identity) / "input"

    def documents(self, identity: str) -> Path:
        """Its documents, once they are read."""
        return self.folder(identity) / "documents.jsonl"

    def result(self, identity: str) -> Path:
        """Its answers."""
        return self.folder(identity) / "result.jsonl"

    def _read(self, identity: str) -> Job | None:
        """The job of that folder; None where it isn't there, or can't be read, which the others must not suffer."""
        try:
            job = JOB.validate_json((self.folder(identity) / "job.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, PermissionError) as error:
            if identity not in self._unreadable:  # once, not at every look
                self._unreadable.add(identity)
                log.warning("Job %s can't be read: %s", identity, type(error).__name__)
            return None
        return job if job.id == identity else None

    def _write(self, job: Job, folder: Path) -> None:
        part = part_path(folder / "job.json")  # not schema.write_text, which would make the folder of a removed job
        try:
            part.write_text(json.dumps(asdict(job)), encoding="utf-8")
            os.replace(part, folder / "job.json")
        finally:
            part.unlink(missing_ok=True)  # where the disk is full, the next try must not find it fuller
