"""How rows become train, validation and test: seeded, stratified, and never the same text or group on two sides."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from volant.config import Split
from volant.datasets.merge import added
from volant.errors import VolantError
from volant.kinds import Kind
from volant.near_duplicates import clusters

ORDER = ("test", "validation", "train")  # a text on two sides stays on the first of these


@dataclass(frozen=True)
class Cut:
    """The splits, and what was left out so that none leaks into another."""

    splits: dict[str, pa.Table]
    report: dict[str, Any]


def cut(
    source: Mapping[str, pa.Table],
    kind: Kind,
    split: Split,
    seed: int,
    lake: Mapping[str, pa.Table] | None = None,
) -> Cut:
    """Cut what the source leaves open, and drop from train (then validation) what stands on another side too.

    Test is cut from the source alone, and validation by train rows alone: so new TEST datasets leave train and
    validation as they were, byte for byte, as long as none of their rows repeats one of those.

    Args:
        source: Rows by split; `train` at least. A published test set is taken as it is.
        kind: Kind of the labels, by which cuts are stratified.
        split: Shares, group column, similarity of near-duplicates, train subset.
        seed: Of the cuts.
        lake: `train` and `test` rows of ingested datasets; they stay on their side.

    Raises:
        VolantError: If the group column isn't there, or there are too few rows to cut.
    """
    tables, lake = dict(source), lake or {}
    given = sorted(tables)
    same = _clusters_of(tables, split.near_duplicates)
    for name, share in (("test", split.test), ("validation", split.validation)):
        if name not in tables:
            side = _side(tables["train"], kind, split.group, same["train"], share, seed)
            tables[name], same[name] = tables["train"].filter(pa.array(side)), same["train"][side]
            tables["train"], same["train"] = tables["train"].filter(pa.array(~side)), same["train"][~side]
        if name == "test" and "train" in lake:  # validation is cut from these as well
            tables["train"] = added(tables["train"], lake["train"])
            same["train"] = clusters(tables["train"]["text"].to_pylist(), split.near_duplicates)
    if lake:
        tables["test"] = added(tables["test"], lake.get("test"))
        same = _clusters_of(tables, split.near_duplicates)
    dropped = _drop_straddlers(tables, same, split.group)
    if split.train_subset_size and split.train_subset_size < len(tables["train"]):
        tables["train"] = _subset(tables["train"], kind, split.train_subset_size, seed)
    for name in ORDER:
        if not len(tables[name]):
            raise VolantError(
                f"No row is left for {name}. Give more rows, or change `split` (test, validation, group)."
            )
    rows = {name: len(tables[name]) for name in reversed(ORDER)}
    ingested = {name: len(table) for name, table in lake.items()}
    report = {"published": given, "rows": rows, "dropped": dropped, "subset": split.train_subset_size}
    return Cut({n: tables[n] for n in reversed(ORDER)}, report | {"ingested": ingested})


def _clusters_of(tables: Mapping[str, pa.Table], threshold: float) -> dict[str, np.ndarray]:
    """Near-duplicate cluster of each row, numbered across all splits."""
    texts = [text for table in tables.values() for text in table["text"].to_pylist()]
    numbers = clusters(texts, threshold)
    ends = np.cumsum([len(table) for table in tables.values()])
    return dict(zip(tables, np.split(numbers, ends[:-1]), strict=True))


def _side(table: pa.Table, kind: Kind, group: str | None, same: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows (N,) go to the other side: whole groups, near-duplicates together, labels in proportion."""
    from sklearn.model_selection import train_test_split

    units = _groups(table, group) if group else same
    names, first, inverse = np.unique(units, return_index=True, return_inverse=True)
    if len(names) < 2:
        raise VolantError(
            f"There is only one {group or 'text'} to split by. Give rows of several, or another `split.group`."
        )
    strata = _strata(kind, table)[first]
    common = {label for label, count in Counter(strata.tolist()).items() if count >= max(2, round(1 / share))}
    strata = np.array([label if label in common else "" for label in strata])
    counts = Counter(strata.tolist())
    size = min(math.ceil(share * len(names)), len(names) - 1)
    room = min(share * len(names), len(names) - size)  # each side must hold all strata
    stratify = strata if min(counts.values()) > 1 and len(counts) <= room else None
    chosen = train_test_split(np.arange(len(names)), test_size=size, random_state=seed, stratify=stratify)[1]
    return np.isin(inverse, chosen)


def _strata(kind: Kind, table: pa.Table) -> np.ndarray:
    """One label a row (N,): its rarest, so that rare labels are spread too."""
    gold = kind.gold(table)
    counts = kind.count(gold)
    held = [annotation.labels or (annotation.label or "",) for annotation in gold]
    return np.array([min(labels, key=lambda label: (counts[label], label)) for labels in held], dtype=object)


def _groups(table: pa.Table, group: str) -> np.ndarray:
    if group not in table.column_names:
        raise VolantError(f"split.group names no column: '{group}'. There are: {', '.join(table.column_names)}.")
    values = table[group].to_pylist()
    # a row of no group is a group of its own
    return np.array([f"={value}" if value not in (None, "") else f"#{row}" for row, value in enumerate(values)])


def _drop_straddlers(tables: dict[str, pa.Table], same: dict[str, np.ndarray], group: str | None) -> dict[str, int]:
    """Drop rows whose text or group is on a side that goes before theirs; returns how many of each split, and why."""
    seen_texts: set[int] = set()
    seen_groups: set[str] = set()
    dropped: dict[str, int] = {}
    for name in ORDER:
        texts = same[name].tolist()
        groups = _groups(tables[name], group).tolist() if group else [f"#{row}" for row in range(len(texts))]
        twin = np.array([text in seen_texts for text in texts], dtype=bool)
        kin = np.array([g[0] == "=" and g in seen_groups for g in groups], dtype=bool)
        if name != "test":
            dropped[f"{name}_near_duplicates"], dropped[f"{name}_group"] = (
                int(twin.sum()),
                int((kin & ~twin).sum()),
            )
            tables[name] = tables[name].filter(pa.array(~(twin | kin)))
        seen_texts.update(texts)
        seen_groups.update(groups)
    return dropped


def _subset(table: pa.Table, kind: Kind, size: int, seed: int) -> pa.Table:
    """`size` rows in their order, labels in proportion where that can be done."""
    side = _side(table, kind, None, np.arange(len(table)), size / len(table), seed)
    return table.filter(pa.array(side)).slice(0, size)
