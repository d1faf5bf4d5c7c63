"""A batch job: its request, and its state."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from volant.bundle.batch.reading import Form

State = Literal["SUBMITTED", "IN_PROGRESS", "COMPLETED", "FAILED", "STOPPED"]
FINAL = ("COMPLETED", "FAILED", "STOPPED")


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        id: Id of the job.
        model: Name of the deployment that predicts.
        form: Format of the file; None: detected.
        column: Column or key that holds the text.
        all_scores: Add the probability of every label to each prediction.
        owner: Client, as a keyed hash.
        created: Time of the request, ISO 8601 in UTC.
        source: Address of the file, if it was not uploaded.
        output: Folder on S3 where the result is uploaded as `<id>.jsonl`; None: the result is only downloadable.
        state: State of the work.
        done: Number of predicted documents.
        total: Number of documents; None until they are counted.
        size: Size of the result up to `done` in bytes.
        started: Time of the start.
        ended: Time of the end.
        error: Reason of a failure.
        name: Name that the sender gave the file.
        written: Options of the file that are set explicitly: the fields of `Options`.
    """

    id: str
    model: str
    form: Form | None
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
    name: str = ""
    written: dict[str, str] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """The share of predicted documents, 0 to 100."""
        if self.state == "COMPLETED":
            return 100.0
        return round(100 * self.done / self.total, 1) if self.total else 0.0

    @property
    def whole(self) -> bool:
        """True if there is a result for all documents, even if it could not be uploaded."""
        return self.state == "COMPLETED" or (self.state == "FAILED" and bool(self.total) and self.done == self.total)


def new(model: str, form: Form | None, column: str, owner: str, all_scores: bool = False) -> Job:
    """Return a new job with its own id and time.

    Args:
        model: Name of the deployment that predicts.
        form: Format of the file; None: detected.
        column: Column or key that holds the text.
        owner: Client, as a keyed hash.
        all_scores: Add the probability of every label to each prediction.
    """
    return Job(uuid4().hex, model, form, column, all_scores, owner, now())


def now() -> str:
    """Return the time in UTC, precise enough to order two jobs."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
