"""Accepted feedback becomes rows that a model learns from: a TRAIN dataset of the lake, through `ingest`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from volant.kinds import KINDS
from volant.service.feedback.book import Book
from volant.service.feedback.items import Item
from volant.workspace.journal import Entry

NAME = "feedback"


@dataclass(frozen=True)
class Brought:
    """What became of accepted feedback.

    Attributes:
        dataset: That was made; None if nothing is new.
        rows: In it.
        known: Were there already.
        refused: Feedback id to why its row can't be one to learn from; it counts as rejected now.
    """

    dataset: str | None
    rows: int
    known: int
    refused: dict[str, str]


def bring(book: Book, flywheel: str) -> Brought:
    """Make a TRAIN dataset of what was accepted and isn't in one; the same again changes nothing.

    Killed at any moment, the next call does what is left: rows that are in the lake already are known there.

    Raises:
        VolantError: As `ingest`.
    """
    ready = [item for item in book.items(flywheel, "accepted") if not item.brought]
    if not ready:
        return Brought(None, 0, 0, {})
    from volant.datasets.ingest.ingest import Options, ingest

    # equal rows are equally bad or good, so that what ingest says of one goes for all
    with TemporaryDirectory(prefix="volant-feedback-") as folder:
        file = Path(folder) / f"{NAME}.jsonl"
        file.write_text("".join(f"{json.dumps(_row(item), ensure_ascii=False)}\n" for item in ready), encoding="utf-8")
        report = ingest(flywheel, [str(file)], "train", Options(name=NAME, skip_bad=True), book.root)
        refused = _refused(ready, report.rejected)
    changes: dict[str, Entry] = {item.id: {"brought": True, "dataset": report.dataset} for item in ready}
    for one, why in refused.items():
        changes[one] = {"brought": True, "status": "rejected", "by": "ingest", "reasons": (why,)}
    book.mark(flywheel, changes)
    return Brought(report.dataset, report.added, report.known, refused)


def _row(item: Item) -> dict[str, object]:
    labels = list(item.labels or ())
    kind = KINDS[item.kind]
    return {"text": item.text, kind.column: kind.cell(kind.annotate(labels))}


def _refused(ready: Sequence[Item], files: Sequence[str]) -> dict[str, str]:
    lines = [line for file in files for line in Path(file).read_text(encoding="utf-8").split("\n") if line]
    return {ready[row["line"] - 1].id: row["reason"] for row in map(json.loads, lines)}
