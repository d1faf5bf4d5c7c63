"""Batch jobs on disk: one folder each, which appears only when it is complete."""

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
RETENTION = 7 * 24 * 3600  # seconds until an ended job and its result are deleted
LEFTOVER_RETENTION = 24 * 3600  # seconds until leftovers of a crash are deleted
log = logging.getLogger("volant.service")


JOB = TypeAdapter(Job)


class JobStore:
    """The jobs of a project, visible to all processes; only the process that works on them changes them.

    Args:
        root: The project's root.
    """

    def __init__(self, root: Path = Path()) -> None:
        self.home = private(root / HOME)
        self._ended: set[str] = set()
        self._unreadable: set[str] = set()

    def create(self, job: Job, fill: Callable[[Path], object] | None = None) -> Job:
        """Store a new job.

        Args:
            job: The job.
            fill: Writes its input to a path; None if there is none.
        """
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
        """Return the job with an id.

        Raises:
            RefusedError: 404 if there is none.
        """
        job = self.find(identity)
        if job is None:
            raise RefusedError("There is no such job.", 404)
        # a job that has not started is stopped at once
        return replace(job, state="STOPPED") if job.state == "SUBMITTED" and self.stopping(job.id) else job

    def find(self, identity: str) -> Job | None:
        """Return the job with an id; None if there is none, or it can't be read."""
        return self._read(identity) if ID.fullmatch(identity) else None

    def all(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        jobs = []
        for path in self.home.iterdir():
            with suppress(RefusedError):
                jobs.append(self.get(path.name))
        return sorted(jobs, key=lambda job: (job.created, job.id))

    def unended(self) -> list[Job]:
        """Return the jobs that have not ended, the oldest first; ended ones are read only once."""
        names = {path.name for path in self.home.iterdir()}
        self._ended &= names
        jobs = [job for name in names - self._ended if (job := self.find(name))]
        self._ended |= {job.id for job in jobs if job.state in FINAL}
        return sorted((job for job in jobs if job.state not in FINAL), key=lambda job: (job.created, job.id))

    def write(self, job: Job) -> Job:
        """Store the new state of a job; return the job. It raises `FileNotFoundError` if the job was removed."""
        self._write(job, self.folder(job.id))
        return job

    def stop(self, identity: str) -> None:
        """Request the stop of a job; the worker notices it."""
        (self.folder(identity) / "stop").touch()

    def stopping(self, identity: str) -> bool:
        """Return True if the stop of a job was requested."""
        return (self.folder(identity) / "stop").exists()

    def remove(self, identity: str) -> None:
        """Delete a job and its result at once; a worker on it finds nothing, and can't restore it."""
        part = self.home / f".{identity}.{uuid4().hex[:8]}.part"
        with suppress(FileNotFoundError):
            os.replace(self.folder(identity), part)
            shutil.rmtree(part, ignore_errors=True)

    def drop(self, identity: str) -> None:
        """Delete the documents of a job, and its partial result."""
        self.result(identity).unlink(missing_ok=True)
        self.delete_documents(identity)

    def delete_documents(self, identity: str) -> None:
        """Delete the uploaded file and the documents of a job, and leftovers of a crash."""
        documents = self.documents(identity)
        for path in (self.input(identity), documents, part_of(documents)):
            path.unlink(missing_ok=True)

    def bytes_of(self, identity: str) -> int:
        """Return the size of a job on disk in bytes."""
        size = 0
        with suppress(FileNotFoundError):
            for path in self.folder(identity).iterdir():
                with suppress(FileNotFoundError):  # a part that was renamed in the meantime
                    size += path.stat().st_size
        return size

    def tidy(self) -> None:
        """Delete old jobs, unreadable ones, and leftovers of crashes."""
        for path in list(self.home.iterdir()):
            job = self.find(path.name)
            if job is None or job.state in FINAL:
                with suppress(FileNotFoundError):
                    age = time.time() - path.stat().st_mtime
                    if path.is_dir() and age > (LEFTOVER_RETENTION if path.name.startswith(".") else RETENTION):
                        shutil.rmtree(path, ignore_errors=True)

    def folder(self, identity: str) -> Path:
        """Return the folder of a job."""
        return self.home / identity

    def input(self, identity: str) -> Path:
        """Return the path of the uploaded file."""
        return self.folder(identity) / "input"

    def documents(self, identity: str) -> Path:
        """Return the path of the spooled documents."""
        return self.folder(identity) / "documents.jsonl"

    def result(self, identity: str) -> Path:
        """Return the path of the predictions."""
        return self.folder(identity) / "result.jsonl"

    def _read(self, identity: str) -> Job | None:
        """Return the job of a folder; None if it doesn't exist or can't be read, which must not affect other jobs."""
        try:
            job = JOB.validate_json((self.folder(identity) / "job.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, PermissionError) as error:
            if identity not in self._unreadable:  # logged once, not at every read
                self._unreadable.add(identity)
                log.warning("Job %s can't be read: %s", identity, type(error).__name__)
            return None
        return job if job.id == identity else None

    def _write(self, job: Job, folder: Path) -> None:
        part = part_path(folder / "job.json")  # not write_text, which would restore the folder of a removed job
        try:
            part.write_text(json.dumps(asdict(job)), encoding="utf-8")
            os.replace(part, folder / "job.json")
        finally:
            part.unlink(missing_ok=True)  # on a full disk, a leftover must not take up space
