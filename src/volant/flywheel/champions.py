"""The predictions of a champion, present or former, on today's test rows: computed once, then stored here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from volant.bundle import learned
from volant.bundle.bundle import Bundle
from volant.bundle.manifest import MANIFEST, BundleError
from volant.cleaning import clean_texts, parse_steps
from volant.errors import VolantError
from volant.flywheel.gate import Answers
from volant.kinds import Kind
from volant.kinds.record import Annotation
from volant.workspace.files import read_table, write_table
from volant.workspace.paths import ANSWERS
from volant.workspace.provenance import digest

if TYPE_CHECKING:
    from volant.tracking.registry import Registry, Version

MEMORY = ("bad_alloc", "bad allocation", "failed to allocate", "out of memory")


class SilentError(VolantError):
    """A version that can't predict on this machine."""


@dataclass(frozen=True)
class TestRows:
    """The test rows that versions answer.

    Attributes:
        table: Raw, as served.
        kind: Of the flywheel.
        name: Digest of the rows, see `rows_digest`.
        group: Column whose equal values are kept on one side, if there is one.
    """

    table: pa.Table
    kind: Kind
    name: str
    group: str | None


@dataclass(frozen=True)
class Answered:
    """Predictions of all test rows, and which of them (N,) the version learned from; None without a record."""

    answers: Answers
    learned: np.ndarray | None


def rows_digest(test: pa.Table, kind: Kind) -> str:
    """Return the name of a set of test rows: their ids, raw texts and labels, in any order, whatever other columns."""
    gold = kind.gold(test)
    labels = [sorted(kind.labels_of(a)) for a in gold]
    return digest(sorted(zip(test["id"].to_pylist(), test["text"].to_pylist(), labels, strict=True)))


def ask(registry: "Registry", version: "Version", rows: TestRows, root: Path) -> Answered:
    """Return a version's predictions of the test rows.

    A `VolantError` results also if the registry's files can't be reached.

    Args:
        registry: Registry that has the version's bundle.
        version: Present or former champion.
        rows: Test rows.
        root: Root of the project.

    Raises:
        SilentError: If it can't predict on this machine.
        VolantError: If memory runs out, which says nothing about the version.
    """
    path = root / ANSWERS / version.flywheel / f"{digest([version.digest, rows.name, rows.group])[:32]}.parquet"
    if path.exists():
        return _kept(path, rows)
    try:
        folder = registry.fetch(version.flywheel, version.number)
    except BundleError as error:
        raise SilentError(_silent(version, error)) from error
    try:
        answered = _asked(folder, rows.table, rows.group)
    except MemoryError as error:
        raise VolantError(_no_memory(version)) from error
    except Exception as error:  # a runtime may fail on an old graph in any way
        if any(words in str(error).lower() for words in MEMORY):
            raise VolantError(_no_memory(version)) from error
        raise SilentError(_silent(version, error)) from error
    _keep(answered, rows, path)
    return answered


def learned_rows(folder: Path, test: pa.Table, group: str | None) -> np.ndarray | None:
    """Return which test rows (N,) a verified bundle learned from; None for a bundle without a record.

    Args:
        folder: Folder of the bundle.
        test: Test rows (N).
        group: Column whose equal values are kept on one side, if there is one.
    """
    found = learned.read(folder)
    if found is None:
        return None
    steps = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["cleaning"]
    groups = test[group].to_pylist() if group in test.column_names else None
    return found.holds(clean_texts(test["text"].to_pylist(), parse_steps(steps)), groups)


def annotation(kind: Kind, row: Mapping[str, Any]) -> Annotation:
    """Return the prediction in a row of `predictions.parquet`, or of the stored predictions."""
    return replace(kind.read(row["predicted"]), scores=row["scores"])


def _asked(folder: Path, test: pa.Table, group: str | None) -> Answered:
    bundle = Bundle.load(folder)
    answers = Answers(bundle.labels, bundle.predict(test["text"].to_pylist()))
    return Answered(answers, learned_rows(folder, test, group))


def _keep(answered: Answered, rows: TestRows, path: Path) -> None:
    """Store the predictions by row id."""
    labels = answered.answers.labels
    said = answered.answers.predicted
    scores = pa.struct([(label, pa.float64()) for label in labels])
    table = pa.table(
        {
            "id": rows.table["id"],
            "predicted": [rows.kind.cell(a) for a in said],
            "scores": pa.array([a.scores for a in said], scores),
            "learned": pa.array([None] * len(rows.table) if answered.learned is None else answered.learned, pa.bool_()),
        }
    )
    write_table(table, path)


def _kept(path: Path, rows: TestRows) -> Answered:
    table = read_table(path)
    labels = tuple(field.name for field in table.schema.field("scores").type)
    by_id = {row["id"]: row for row in table.to_pylist()}
    kept = [by_id[key] for key in rows.table["id"].to_pylist()]
    said = [annotation(rows.kind, row) for row in kept]
    known = all(row["learned"] is not None for row in kept)
    return Answered(Answers(labels, said), np.array([row["learned"] for row in kept], dtype=bool) if known else None)


def _silent(version: "Version", error: Exception) -> str:
    return f"version {version.number} can't predict: {error or type(error).__name__}"


def _no_memory(version: "Version") -> str:
    return (
        f"Memory ran out while version {version.number} of {version.flywheel} predicted the test rows, so nothing was "
        "decided. Free some memory, or use a larger machine, then run the same command again."
    )
