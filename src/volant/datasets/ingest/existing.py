"""The existing rows of a flywheel: a new row is a duplicate of one on its own side, and leaks from the other side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from volant.config import Split
from volant.datasets import catalogue
from volant.datasets.ingest.checks import identities, labels_of
from volant.datasets.merge import COLUMN, SOURCE
from volant.datasets.splits.near_duplicates import clusters
from volant.kinds import KINDS
from volant.workspace import paths

OTHER = {"train": "test", "test": "train"}
PREPARED = {"train": ("train", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Existing:
    """The existing rows.

    Attributes:
        rows: Text and gold of each row on the same side.
        texts: Texts of the other side.
        groups: Groups of the other side.
        labels: Labels of both sides.
        prepared: True if the rows of the source are included.
        retired: For new TEST rows, the texts and groups of unused TRAIN datasets, on which versions were trained.
    """

    rows: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    prepared: bool = False
    retired: "Existing | None" = None


def find_existing(flywheel: str, kind: str, group: str | None, side: str, root: Path = Path()) -> Existing:
    """Read the used datasets of the lake, and the prepared rows if there are any.

    Fails with `VolantError` if the rows of a dataset aren't on this machine.

    Args:
        flywheel: Name of the flywheel.
        kind: Kind of prediction.
        group: Column of groups, if the flywheel has one.
        side: Side of the new rows, `train` or `test`.
        root: Root of the project.
    """
    columns = ["text", *KINDS[kind].columns, *([group] if group else [])]
    own = _tables(flywheel, side, columns, root)
    other = _tables(flywheel, OTHER[side], columns, root)
    rows = set(chain.from_iterable(zip(_texts([table]), identities(table, kind), strict=True) for table in own))
    # a train dataset may contain rows that prepare removed, because the test set has them
    own_test = set(_texts(own)) if side == "test" else set()
    texts = [text for text in _texts(other) if text not in own_test]
    labels: set[str] = set()
    for table in [*own, *other]:
        labels.update(*labels_of(table, kind))
    complete = all(_prepared(flywheel, split, root).exists() for split in PREPARED[OTHER[side]])
    return Existing(rows, texts, groups(other, group), labels, complete, _retired(flywheel, side, columns, group, root))


def _texts(tables: Iterable[pa.Table]) -> list[str]:
    return list(chain.from_iterable(table["text"].to_pylist() for table in tables))


def _select(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the columns that the table has."""
    return table.select([name for name in columns if name in table.column_names])


def _retired(flywheel: str, side: str, columns: list[str], group: str | None, root: Path) -> Existing | None:
    """Return the rows of unused TRAIN datasets, as far as they are on this machine."""
    unused = [card for card in catalogue.cards(flywheel, root) if card.unused and card.split == "train"]
    if side != "test" or not unused:
        return None
    present = [catalogue.rows(card, root) for card in unused if catalogue.rows_path(card, root).exists()]
    tables = [_select(table, columns) for table in present]
    return Existing(texts=_texts(tables), groups=groups(tables, group), prepared=len(present) == len(unused))


def groups(tables: Iterable[pa.Table], group: str | None) -> set[str]:
    """Return the values of the group column, as texts; an empty value is no group."""
    columns = [table[group].to_pylist() for table in tables if group and group in table.column_names]
    return {str(value) for value in chain.from_iterable(columns) if value not in (None, "")}


def leaks(table: pa.Table, existing: Existing, split: Split) -> dict[int, str]:
    """Map the number of each leaking row to the reason: its text, a near-duplicate or its group is on the other side.

    Args:
        table: New rows.
        existing: Existing rows.
        split: Config of the split.
    """
    texts = table["text"].to_pylist()
    reasons: dict[int, str] = {}
    if split.group and split.group in table.column_names:
        for row, value in enumerate(table[split.group].to_pylist()):
            if value not in (None, "") and str(value) in existing.groups:
                reasons[row] = f"same {split.group} '{value}'"
    return reasons | _near_duplicates(texts, existing.texts, split.near_duplicates)


def _near_duplicates(texts: Sequence[str], others: Sequence[str], threshold: float) -> dict[int, str]:
    if not texts or not others:
        return {}
    numbers = clusters([*others, *texts], threshold).tolist()
    representatives: dict[int, int] = {}
    for row, number in enumerate(numbers[: len(others)]):
        representatives.setdefault(number, row)
    reasons = {}
    for row, number in enumerate(numbers[len(others) :]):
        if number in representatives:
            other = others[representatives[number]]
            reasons[row] = "same text" if texts[row] == other else f"near-duplicate of “{other[:80]}”"
    return reasons


def _tables(flywheel: str, side: str, columns: list[str], root: Path) -> list[pa.Table]:
    """Return the used datasets of a side and its prepared rows, without those of unused datasets."""
    lake = catalogue.tables(flywheel, side, root)
    used = {SOURCE, *(card.name for card in catalogue.cards(flywheel, root) if not card.unused)}
    tables = [_select(table, columns) for _, table in lake]
    for split in PREPARED[side]:
        path = _prepared(flywheel, split, root)
        if path.exists():
            names = pq.read_schema(path).names
            table = pq.read_table(path, columns=[name for name in (*columns, COLUMN) if name in names])
            if COLUMN in names:
                table = table.filter(pa.array([name in used for name in table[COLUMN].to_pylist()], pa.bool_()))
            tables.append(table)
    return tables


def _prepared(flywheel: str, split: str, root: Path) -> Path:
    return paths.prepared(flywheel, root) / f"{split}.parquet"
