"""Stored feedback: lines in the ground-truth layout of SageMaker, and changes to them.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from volant.kinds import KINDS
from volant.kinds.canonical import annotation_of, canonical
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
        prediction: Predicted columns of the kind as canonical JSON, if known.
        gold: The correct ones; None if the client only reported the prediction as wrong.
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
    prediction: str | None
    gold: str | None
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
    def predicted(self) -> tuple[str, ...] | None:
        """The predicted labels, if known."""
        return labels_of(self.kind, self.prediction)

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The correct labels; None if the client only reported the prediction as wrong."""
        return labels_of(self.kind, self.gold)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values, with the columns of the kind as objects."""
        columns = {name: getattr(self, name) for name in ("prediction", "gold")}
        parsed = {name: text and json.loads(text) for name, text in columns.items()}
        return {**asdict(self), **parsed, "predicted": self.predicted, "labels": self.labels}

    @property
    def entry(self) -> Entry:
        """The line of the journal."""
        return {**self.ground_truth, "feedback": asdict(self)}

    @property
    def ground_truth(self) -> Entry:
        """The record that is joined with a captured prediction by its id: labels as a line of CSV, parts as JSON."""
        data = {"data": self.gold or "{}", "encoding": "JSON"}
        if KINDS[self.kind].head == "text":
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(self.labels or ())
            data = {"data": line.getvalue(), "encoding": "CSV"}
        return {
            "groundTruthData": data,
            "eventMetadata": {"eventId": self.event_id},
            "eventVersion": "0",
        }


def labels_of(kind: str, gold: str | None) -> tuple[str, ...] | None:
    """Return the labels in canonical JSON, sorted; None if there is none.

    Example:
        >>> from volant.kinds import kind_of_labels
        >>> labels_of(kind_of_labels(exclusive=True), '{"label": "fresh"}')
        ('fresh',)
    """
    return None if gold is None else tuple(sorted(KINDS[kind].labels_of(annotation_of(KINDS[kind], gold))))


def fold(items: dict[str, Item], entries: Iterable[Entry]) -> None:
    """Apply entries of the journal to items.

    Args:
        items: Items by id; changed in place.
        entries: Entries of the journal.
    """
    for entry in entries:
        if content := entry.get("feedback"):
            item = Item(**_tuples(_present(content, content["kind"])))
            items[item.id] = item
        for identity, changes in entry.get("changes", {}).items():
            items[identity] = replace(items[identity], **_tuples(_present(changes, items[identity].kind)))


def _present(fields: Entry, kind: str) -> Entry:
    """Return fields as they are written now; journals of earlier versions have labels instead of columns."""
    present = dict(fields)
    for old, new in (("labels", "gold"), ("predicted", "prediction")):
        if old in present:
            labels = present.pop(old)
            present[new] = None if labels is None else canonical(KINDS[kind], KINDS[kind].annotate(labels))
    return present


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
