"""A batch job without a server: the same work on the same files; run again, it resumes where it was interrupted."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from volant.bundle.batch.answering import Progress, answer_all, answerer
from volant.bundle.batch.comprehend import comprehend_lines
from volant.bundle.batch.predicting import reading_of
from volant.bundle.batch.remote import download, endpoint, upload
from volant.bundle.bundle import Bundle
from volant.errors import VolantError
from volant.sources.formats.options import Options
from volant.sources.texts import numbered_texts
from volant.workspace import files
from volant.workspace.objects import split
from volant.workspace.paths import BATCH


@dataclass(frozen=True)
class BatchJob:
    """A file to answer, and the options of its answers.

    Attributes:
        file: Input of any supported format: a path, or an object such as `s3://bucket/in/a.csv`.
        out: JSON Lines output, written completely or not at all: a path or an object.
        column: Column or key that holds the text; the flywheel's own, or `text`, if None.
        written: Options of the file that are set explicitly; the others are detected.
        all_scores: Add the probability of every label to each answer.
        version: Version of the bundle; each answer names it.
        longest: Maximum number of characters of a text; a longer one gets an error instead of an answer.
        comprehend: True to write spans as the lines of an Amazon Comprehend job.
    """

    file: str
    out: str
    column: str | None = None
    written: Options = field(default_factory=Options)
    all_scores: bool = False
    version: str | None = None
    longest: int = 20_000
    comprehend: bool = False


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch job.

    Attributes:
        rows: Number of documents.
        resumed: Number of documents that an earlier run had answered.
        out: Path or address of the answers.
    """

    rows: int
    resumed: int
    out: str


def answer_file(
    bundle: Bundle,
    job: BatchJob,
    progress: Callable[[int], object] = lambda _: None,
    tell: Callable[[str], object] = lambda _: None,
) -> BatchResult:
    """Answer every document of a file, as a batch job does.

    Args:
        bundle: The bundle that predicts.
        job: The file, the place of its answers, and their options.
        progress: Called with the number of documents that are done.
        tell: Called with a sentence on the detected format of the file, where the format is ambiguous.

    Raises:
        VolantError: If the file can't be read (the message names the line), or an object can't be read or written.
    """
    reading = reading_of(bundle, job.column, written=job.written)
    work = _work(job)
    part = work.with_name(f".{work.name}.batch.part")
    notes = work.with_name(f".{work.name}.batch.json")
    work.parent.mkdir(parents=True, exist_ok=True)
    answer = answerer(bundle, job.version, job.all_scores)
    shape = comprehend_lines(bundle.kind, job.file.rpartition("/")[2]) if job.comprehend else dict
    with _local(job, work) as (file, state):
        task = [bundle.manifest["digest"], job.file, state, asdict(job.written), list(reading.columns)]
        task += [job.all_scores, job.version, job.longest, job.comprehend]
        before = _before(notes, part, task)
        saved = before
        texts = numbered_texts(str(file), job.file, reading, tell)
        for saved in answer_all(texts, answer, part, job.longest, before, shape):
            files.write_text(json.dumps({"task": task, **asdict(saved)}), notes)
            progress(saved.done)
    if _remote(job.out):
        upload(part, job.out, endpoint())
        part.unlink()
    else:
        os.replace(part, work)
    notes.unlink()
    return BatchResult(saved.done, before.done, job.out)


def _work(job: BatchJob) -> Path:
    """Return the path of the unfinished answers: beside the output file, or, as S3 can't append, in the project."""
    if not _remote(job.out):
        return Path(job.out)
    return files.private(BATCH) / sha256(f"{job.file}\n{job.out}".encode()).hexdigest()[:16]


@contextmanager
def _local(job: BatchJob, work: Path) -> Iterator[tuple[Path, list[object]]]:
    """Yield the path of the file on this machine, and values that identify it in a later run.

    Raises:
        VolantError: If the file doesn't exist.
    """
    if not _remote(job.file):
        file = Path(job.file)
        if not file.is_file():
            raise VolantError(f"{file} does not exist. Give the path of a file, or an object such as s3://BUCKET/KEY.")
        status = file.stat()
        yield file, [str(file.resolve()), status.st_size, status.st_mtime_ns]
        return
    file = work.with_name(f".{work.name}.batch.input")
    try:
        download(job.file, file, None, endpoint())
        yield file, [files.sha256(file)]
    finally:
        file.unlink(missing_ok=True)


def _remote(place: str) -> bool:
    """Return True if a place is an object on S3.

    Raises:
        VolantError: If the address is on S3 but names no object.
    """
    if not place.startswith("s3://"):
        return False
    if not all(split(place)) or place.endswith("/"):
        raise VolantError(f"{place} is not the address of an object. Give one such as s3://BUCKET/FOLDER/NAME.jsonl.")
    return True


def _before(notes: Path, part: Path, task: list[object]) -> Progress:
    """Return the progress of an earlier run of the same task."""
    try:
        record = json.loads(notes.read_text(encoding="utf-8"))
        if record["task"] == task and part.stat().st_size >= record["size"]:
            return Progress(record["done"], record["size"])
    except (OSError, ValueError, KeyError):
        pass  # no earlier run, or an unusable record of it
    return Progress()
