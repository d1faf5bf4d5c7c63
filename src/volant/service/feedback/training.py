"""Accepted feedback as training rows: a TRAIN dataset of the lake, made by `ingest`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from volant.service.feedback.items import Item
from volant.service.feedback.log import FeedbackLog
from volant.workspace.journal import Entry

NAME = "feedback"


@dataclass(frozen=True)
class IngestResult:
    """The result of the ingestion of accepted feedback.

    Attributes:
        dataset: Name of the new dataset; None if there are no new rows.
        rows: Number of its rows.
        known: Number of rows that were in the lake already.
        refused: Reason for each refused row, by the id of the feedback; it is rejected now.
    """

    dataset: str | None
    rows: int
    known: int
    refused: dict[str, str]


def ingest_accepted(log: FeedbackLog, flywheel: str) -> IngestResult:
    """Make a TRAIN dataset of accepted feedback that isn't in one yet; a repetition changes nothing.

    If the process is killed, the next call completes the work: rows that are in the lake already are skipped. A dataset
    that `ingest` refuses causes a `VolantError`.

    Args:
        log: The log of feedback.
        flywheel: Name of the flywheel.
    """
    ready = [item for item in log.items(flywheel, "accepted") if not item.brought]
    if not ready:
        return IngestResult(None, 0, 0, {})
    from volant.datasets.ingest.ingest import Options, ingest

    # the result of ingest for one row applies to all equal rows
    with TemporaryDirectory(prefix="volant-feedback-") as folder:
        file = Path(folder) / f"{NAME}.jsonl"
        file.write_text("".join(f"{json.dumps(_row(item), ensure_ascii=False)}\n" for item in ready), encoding="utf-8")
        report = ingest(flywheel, [str(file)], "train", Options(name=NAME, skip_bad=True), log.root)
        refused = _refused(ready, report.rejected)
    changes: dict[str, Entry] = {item.id: {"brought": True, "dataset": report.dataset} for item in ready}
    for identity, reason in refused.items():
        changes[identity] = {"brought": True, "status": "rejected", "by": "ingest", "reasons": (reason,)}
    log.mark(flywheel, changes)
    return IngestResult(report.dataset, report.added, report.known, refused)


def _row(item: Item) -> dict[str, object]:
    return {"text": item.text, **json.loads(item.gold or "{}")}


def _refused(ready: Sequence[Item], files: Sequence[str]) -> dict[str, str]:
    refused = {}
    for file in files:
        lines = filter(None, Path(file).read_text(encoding="utf-8").split("\n"))
        refused |= {ready[row["line"] - 1].id: row["reason"] for row in map(json.loads, lines)}
    return refused
