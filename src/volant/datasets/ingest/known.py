"""The rows of a flywheel: those of the same side are duplicates, those of the other side are leaks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from volant.config import Split
from volant.datasets import catalogue
from volant.datasets.ingest.checks import labels_of
from volant.datasets.merge import COLUMN, SOURCE
from volant.datasets.splits.near_duplicates import clusters
from volant.kinds import KINDS
from volant.workspace import paths

OTHER = {"train": "test", "test": "train"}
PREPARED = {"train": ("train", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Known:
    """The rows that exist.

    Attributes:
        rows: Text and labels of each on the same side.
        texts: Those of the other side.
        groups: Of the other side.
        labels: Of both.
        prepared: Whether the rows of the source could be looked at.
        retired: Texts and groups of TRAIN datasets that are marked unused, where TEST rows are to come: versions have
            learned from them.
    """

    rows: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    prepared: bool = False
    retired: "Known | None" = None


def known(flywheel: str, kind: str, group: str | None, side: str, root: Path = Path()) -> Known:
    """Look at the used datasets of the lake, and at the prepared rows where there are any.

    Fails with `VolantError` if the rows of a dataset aren't on this machine.
    """
    columns = ["text", KINDS[kind].column, *([group] if group else [])]
    same = _tables(flywheel, side, columns, root)
    other = _tables(flywheel, OTHER[side], columns, root)
    rows = {row for table in same for row in zip(table["text"].to_pylist(), labels_of(table, kind), strict=True)}
    # a train dataset may hold rows that prepare took away, because the test set has them
    judged = {text for table in (same if side == "test" else []) for text in table["text"].to_pylist()}
    texts = [text for table in other for text in table["text"].to_pylist() if text not in judged]
    labels = {label for table in [*same, *other] for row in labels_of(table, kind) for label in row}
    there = all(_prepared(flywheel, split, root).exists() for split in PREPARED[OTHER[side]])
    return Known(rows, texts, groups(other, group), labels, there, _retired(flywheel, side, columns, group, root))


def _retired(flywheel: str, side: str, columns: list[str], group: str | None, root: Path) -> Known | None:
    """Return rows that versions have learned from and no iteration uses any more, as far as they are here."""
    gone = [card for card in catalogue.cards(flywheel, root) if card.unused and card.split == "train"]
    if side != "test" or not gone:
        return None
    here = [catalogue.rows(card, root) for card in gone if catalogue.rows_path(card, root).exists()]
    tables = [table.select([name for name in columns if name in table.column_names]) for table in here]
    texts = [text for table in tables for text in table["text"].to_pylist()]
    return Known(texts=texts, groups=groups(tables, group), prepared=len(here) == len(gone))


def groups(tables: Iterable[pa.Table], group: str | None) -> set[str]:
    """The values of the group column, as texts; empty ones are no group."""
    parts = [table[group].to_pylist() for table in tables if group and group in table.column_names]
    return {str(value) for part in parts for value in part if value not in (None, "")}


def leaks(table: pa.Table, there: Known, split: Split) -> dict[int, str]:
    """Map row number to why it leaks: its text, a near-duplicate, or its group is on the other side."""
    texts = table["text"].to_pylist()
    found: dict[int, str] = {}
    if split.group and split.group in table.column_names:
        for row, value in enumerate(table[split.group].to_pylist()):
            if value not in (None, "") and str(value) in there.groups:
                found[row] = f"same {split.group} '{value}'"
    return found | _twins(texts, there.texts, split.near_duplicates)


def _twins(texts: Sequence[str], others: Sequence[str], threshold: float) -> dict[int, str]:
    if not texts or not others:
        return {}
    numbers = clusters([*others, *texts], threshold).tolist()
    first: dict[int, int] = {}
    for row, number in enumerate(numbers[: len(others)]):
        first.setdefault(number, row)
    twins = {row: others[first[n]] for row, n in enumerate(numbers[len(others) :]) if n in first}
    return {
        row: ("same text" if texts[row] == twin else f"near-duplicate of “{twin[:80]}”") for row, twin in twins.items()
    }


def _tables(flywheel: str, side: str, columns: list[str], root: Path) -> list[pa.Table]:
    """Used datasets of a side and its prepared rows, without those of datasets that aren't used any more."""
    lake = catalogue.tables(flywheel, side, root)
    used = {SOURCE, *(card.name for card in catalogue.cards(flywheel, root) if not card.unused)}
    tables = [table.select([c for c in columns if c in table.column_names]) for _, table in lake]
    for split in PREPARED[side]:
        path = _prepared(flywheel, split, root)
        if path.exists():
            present = pq.read_schema(path).names
            table = pq.read_table(path, columns=[c for c in (*columns, COLUMN) if c in present])
            if COLUMN in present:
                table = table.filter(pa.array([name in used for name in table[COLUMN].to_pylist()], pa.bool_()))
            tables.append(table)
    return tables


def _prepared(flywheel: str, split: str, root: Path) -> Path:
    return paths.prepared(flywheel, root) / f"{split}.parquet"
