"""One batch job: what was asked for, and how far it is."""

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
        id: Ours.
        model: Name of the deployment that answers.
        form: Of the file; None: found.
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
        name: What its sender calls the file.
        written: How the file is written, as far as that was given: the fields of `Options`.
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
        """How much is done, 0 to 100."""
        if self.state == "COMPLETED":
            return 100.0
        return round(100 * self.done / self.total, 1) if self.total else 0.0

    @property
    def whole(self) -> bool:
        """Whether there is a result of all documents, also where it could not be put where it was asked for."""
        return self.state == "COMPLETED" or (self.state == "FAILED" and bool(self.total) and self.done == self.total)


def new(model: str, form: Form | None, column: str, owner: str, all_scores: bool = False) -> Job:
    """A job with an id and a time of its own."""
    return Job(uuid4().hex, model, form, column, all_scores, owner, now())


def now() -> str:
    """The time in UTC; fine enough that of two jobs the first is told from the second."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
