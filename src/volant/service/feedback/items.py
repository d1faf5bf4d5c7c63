"""What people said of answers, as it is kept: lines in the ground-truth layout, and what became of each.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from volant.workspace.journal import Entry

Status = Literal["quarantined", "accepted", "rejected"]
STATUSES: tuple[Status, ...] = ("quarantined", "accepted", "rejected")


@dataclass(frozen=True)
class Item:
    """One thumb or label of one client.

    Attributes:
        id: Of the feedback.
        event_id: Of the answer that it is about; its own if it is about a text.
        flywheel: Whose rows it may become.
        model: Name of the deployment.
        version: That answered, if the answer is known.
        kind: Of the flywheel.
        text: Redacted; None until it is found among the captures.
        key: What items about the same text share.
        predicted: What the model said, if known.
        labels: What is right; None where the client only said that the answer is wrong.
        correct: Thumb up or down.
        comment: In words, redacted.
        client: Who said it, as a keyed hash.
        time: When, ISO 8601 in UTC.
        status: What became of it.
        reasons: Why.
        by: Who decided.
        dataset: That its row is in.
        brought: Whether `ingest` has seen it.
        published: Whether it is in the lake as ground truth.
        place: The object there that it is to be in, written down before the object is.
    """

    id: str
    event_id: str
    flywheel: str
    model: str
    version: str | None
    kind: str
    text: str | None
    key: str
    predicted: tuple[str, ...] | None
    labels: tuple[str, ...] | None
    correct: bool | None
    comment: str
    client: str
    time: str
    status: Status = "quarantined"
    reasons: tuple[str, ...] = ()
    by: str | None = None
    dataset: str | None = None
    brought: bool = False
    published: bool = False
    place: str | None = None

    @property
    def entry(self) -> Entry:
        """The line of the journal."""
        return {**self.ground_truth, "feedback": asdict(self)}

    @property
    def ground_truth(self) -> Entry:
        """What joins with a captured answer by its id; labels are one line of CSV."""
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(self.labels or ())
        return {
            "groundTruthData": {"data": line.getvalue(), "encoding": "CSV"},
            "eventMetadata": {"eventId": self.event_id},
            "eventVersion": "0",
        }


def fold(items: dict[str, Item], entries: Iterable[Entry]) -> None:
    """Bring items up to date with entries that were added to the journal."""
    for entry in entries:
        if said := entry.get("feedback"):
            item = Item(**_tuples(said))
            items[item.id] = item
        for one, changed in entry.get("changes", {}).items():
            items[one] = replace(items[one], **_tuples(changed))


def _tuples(said: Entry) -> Entry:
    """JSON has lists where an item has tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}


def change(ids: Sequence[str], **fields: object) -> Entry:
    """The line of the journal that says what became of items.

    Example:
        >>> change(["a"], status="rejected", by="ann")
        {'changes': {'a': {'status': 'rejected', 'by': 'ann'}}}
    """
    return {"changes": dict.fromkeys(ids, fields)}
