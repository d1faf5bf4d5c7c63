"""The split of rows into train, validation and test: by content, stratified, without a text or group on two sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from volant.config import Split
from volant.datasets.merge import added
from volant.datasets.splits.near_duplicates import clusters
from volant.datasets.splits.positions import positions
from volant.datasets.splits.stratified import Units, draw
from volant.errors import VolantError
from volant.kinds import Kind
from volant.kinds.rows import group_names
from volant.kinds.words import plain

ORDER = ("test", "validation", "train")  # a text on two sides stays on the first of these


@dataclass(frozen=True)
class Splits:
    """The splits, and a report of the rows that were dropped so that none leaks into another."""

    splits: dict[str, pa.Table]
    report: dict[str, Any]


def split_rows(
    source: Mapping[str, pa.Table],
    kind: Kind,
    split: Split,
    lake: Mapping[str, pa.Table] | None = None,
) -> Splits:
    """Create the splits that the source lacks, and drop from train (then validation) the rows that leak.

    Test is split from the source only, and validation from train rows only: so new TEST datasets leave train and
    validation unchanged, byte for byte, as long as none of their rows repeats one of those. The side of a row follows
    from its own text or group: other rows, and their order, move only a few rows near the cut-off.

    Args:
        source: Rows by split; `train` at least. A published test set stays as it is.
        kind: Kind of prediction, by whose labels splits are stratified.
        split: Shares, group column, similarity of near-duplicates, train subset, seed.
        lake: `train` and `test` rows of ingested datasets; they stay on their side.

    Raises:
        VolantError: If the group column is missing, or there are too few rows to split.
    """
    tables = dict(source)
    lake = lake or {}
    published = sorted(tables)
    same = _clusters_of(tables, split.near_duplicates)
    for name, share in (("test", split.test), ("validation", split.validation)):
        if name not in tables:
            units = _units(tables["train"], split, same["train"], name)
            side = draw(tables["train"], kind, units, share)
            tables[name] = tables["train"].filter(pa.array(side))
            tables["train"] = tables["train"].filter(pa.array(~side))
            same[name] = same["train"][side]
            same["train"] = same["train"][~side]
        if name == "test" and "train" in lake:  # validation is split from these as well
            tables["train"] = added(tables["train"], lake["train"])
            same["train"] = clusters(tables["train"]["text"].to_pylist(), split.near_duplicates)
    if lake:
        tables["test"] = added(tables["test"], lake.get("test"))
        same = _clusters_of(tables, split.near_duplicates)
    alike = _largest(same, tables, split.near_duplicates)
    dropped = _drop_straddlers(tables, same, split.group)
    if split.train_subset_size and split.train_subset_size < len(tables["train"]):
        tables["train"] = _subset(tables["train"], kind, split)
    for name in ORDER:
        if not len(tables[name]):
            raise VolantError(_nothing_left(name, dropped, split))
    rows = {name: len(tables[name]) for name in reversed(ORDER)}
    ingested = {name: len(table) for name, table in lake.items()}
    report = {"published": published, "rows": rows, "dropped": dropped, "subset": split.train_subset_size}
    report |= {"ingested": ingested, "alike": alike}
    return Splits({name: tables[name] for name in reversed(ORDER)}, report)


def _clusters_of(tables: Mapping[str, pa.Table], threshold: float) -> dict[str, np.ndarray]:
    """Return the near-duplicate cluster of each row by split, (N,), numbered across all splits."""
    texts = chain.from_iterable(table["text"].to_pylist() for table in tables.values())
    numbers = clusters(list(texts), threshold)
    ends = np.cumsum([len(table) for table in tables.values()])
    return dict(zip(tables, np.split(numbers, ends[:-1]), strict=True))


def _largest(same: Mapping[str, np.ndarray], tables: Mapping[str, pa.Table], threshold: float) -> dict[str, float]:
    """Return the rows with text in the largest near-duplicate cluster, and in all, before any was dropped."""
    numbers = np.concatenate([same[name][_filled(tables[name])] for name in same])
    rows = int(np.bincount(numbers).max()) if len(numbers) else 0
    return {"rows": rows, "of": len(numbers), "near_duplicates": threshold}


def _filled(table: pa.Table) -> np.ndarray:
    """Return True for each row with a text, (N,)."""
    return np.array([bool(text.strip()) for text in table["text"].to_pylist()], dtype=bool)


def _units(table: pa.Table, split: Split, same: np.ndarray, side: str) -> Units:
    """Return the units that must not be split: the groups that config names, else near-duplicates.

    Raises:
        VolantError: If there is only one.
    """
    keys = [plain(text) for text in table["text"].to_pylist()]
    units = same
    if split.group:
        values = _groups(table, split.group)
        grouped = np.char.startswith(values, "=")
        # a row without a group is identified by its text, and stays with its near-duplicates
        keys = [value if own else text for value, own, text in zip(values, grouped, keys, strict=True)]
        units = np.where(grouped, values, [f"~{number}" for number in same])
    numbers = np.unique(units, return_inverse=True)[1]
    if numbers.max() > 0:
        return Units(numbers, positions(keys, numbers, f"{side} {split.seed}"), groups=bool(split.group))
    if split.group:
        raise VolantError(f"There is only one {split.group} to split by. Add rows of others, or change `split.group`.")
    if len(table["text"].unique()) == 1:
        raise VolantError("There is only one text to split by. Add rows with other texts.")
    looser = "Raise split.near_duplicates towards 1, where only texts of the same words count as the same, or add"
    raise VolantError(
        f"All {len(table):,} texts are near-duplicates of each other, or of one in between, at "
        f"split.near_duplicates={split.near_duplicates:g}: so none can be in test while another is in train. "
        f"{looser if split.near_duplicates < 1 else 'Add'} other texts."
    )


def _nothing_left(name: str, dropped: Mapping[str, int], split: Split) -> str:
    near_duplicates, same_group = (dropped.get(f"{name}_{reason}", 0) for reason in ("near_duplicates", "group"))
    reason = (
        f": {near_duplicates:,} were dropped as near-duplicates of held-out rows, at "
        f"split.near_duplicates={split.near_duplicates:g}, and {same_group:,} by their group"
    )
    return (
        f"No row is left for {name}{reason if near_duplicates + same_group else ''}. "
        "Add rows, or change `split` (test, validation, group, near_duplicates)."
    )


def _groups(table: pa.Table, group: str) -> np.ndarray:
    if group not in table.column_names:
        raise VolantError(f"split.group is not a column: '{group}'. There are: {', '.join(table.column_names)}.")
    return np.array(group_names(table[group].to_pylist()))


def _drop_straddlers(tables: dict[str, pa.Table], same: dict[str, np.ndarray], group: str | None) -> dict[str, int]:
    """Drop rows whose text or group is on a side before theirs, and return their number by split and reason."""
    earlier_texts: set[int] = set()
    earlier_groups: set[str] = set()
    dropped: dict[str, int] = {}
    for name in ORDER:
        texts = same[name].tolist()
        groups = _groups(tables[name], group).tolist() if group else [f"#{row}" for row in range(len(texts))]
        near_duplicate = np.array([text in earlier_texts for text in texts], dtype=bool)
        same_group = np.array([g[0] == "=" and g in earlier_groups for g in groups], dtype=bool)
        if name != "test":
            dropped[f"{name}_near_duplicates"] = int(near_duplicate.sum())
            dropped[f"{name}_group"] = int((same_group & ~near_duplicate).sum())
            tables[name] = tables[name].filter(pa.array(~(near_duplicate | same_group)))
        earlier_texts.update(texts)
        earlier_groups.update(groups)
    return dropped


def _subset(table: pa.Table, kind: Kind, split: Split) -> pa.Table:
    """Return `train_subset_size` rows in their order, labels in proportion if possible."""
    size = split.train_subset_size or len(table)
    keys = [plain(text) for text in table["text"].to_pylist()]
    rows = np.arange(len(table))
    units = Units(rows, positions(keys, rows, f"subset {split.seed}"))
    return table.filter(pa.array(draw(table, kind, units, size / len(table), slack=0))).slice(0, size)
