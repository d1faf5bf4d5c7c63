"""Stored feedback: lines in the ground-truth layout of SageMaker, and changes to them.

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
    """One item of feedback: a thumb or a label, of one client.

    Attributes:
        id: Id of the feedback.
        event_id: Id of the prediction that it is about; its own id if it is about a text.
        flywheel: Flywheel that may learn from it.
        model: Name of the deployment.
        version: Version that predicted, if known.
        kind: Kind of task of the flywheel.
        text: Redacted text; None until it is found in the captures.
        key: Key that items about the same text share.
        predicted: Predicted labels, if known.
        labels: Correct labels; None if the client only reported the prediction as wrong.
        correct: Thumb up or down.
        comment: Comment, redacted.
        client: Client, as a keyed hash.
        time: Time of the feedback, ISO 8601 in UTC.
        status: Status of the review.
        reasons: Reasons for the status.
        by: Reviewer, or the automatic check that decided.
        dataset: Dataset that contains its row.
        brought: True once `ingest` has processed it.
        published: True once it is in the lake as ground truth.
        place: Key of its object in the lake, recorded before the object is written.
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
        """The record that is joined with a captured prediction by its id; labels are one line of CSV."""
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(self.labels or ())
        return {
            "groundTruthData": {"data": line.getvalue(), "encoding": "CSV"},
            "eventMetadata": {"eventId": self.event_id},
            "eventVersion": "0",
        }


def fold(items: dict[str, Item], entries: Iterable[Entry]) -> None:
    """Apply entries of the journal to items.

    Args:
        items: Items by id; changed in place.
        entries: Entries of the journal.
    """
    for entry in entries:
        if content := entry.get("feedback"):
            item = Item(**_tuples(content))
            items[item.id] = item
        for identity, changes in entry.get("changes", {}).items():
            items[identity] = replace(items[identity], **_tuples(changes))


def _tuples(entry: Entry) -> Entry:
    """Return an entry with tuples instead of the lists of JSON."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def change(ids: Sequence[str], **fields: object) -> Entry:
    """Return the line of the journal that changes fields of items.

    Args:
        ids: Ids of the items.
        fields: New values of fields of `Item`.

    Example:
        >>> change(["a"], status="rejected", by="ann")
        {'changes': {'a': {'status': 'rejected', 'by': 'ann'}}}
    """
    return {"changes": dict.fromkeys(ids, fields)}
