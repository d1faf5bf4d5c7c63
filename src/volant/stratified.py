"""Which rows of a table go to the other side of a cut: whole units, labels in proportion, seeded."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from volant.kinds import Kind


def draw(table: pa.Table, kind: Kind, units: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows (N,) go to the other side: labels in proportion, those of few rows on both sides if they can be.

    Args:
        table: N rows.
        kind: Kind of their labels.
        units: What must not be parted, a value a row (N,); two different ones at least.
        share: Of the units, to draw.
        seed: The same seed draws the same rows.
    """
    from sklearn.model_selection import train_test_split

    gold = kind.gold(table)
    labels = [annotation.labels or (annotation.label or "",) for annotation in gold]
    names, first, inverse = np.unique(units, return_index=True, return_inverse=True)
    strata = _pooled(_rarest(labels, kind.count(gold))[first], share)
    counts = Counter(strata.tolist())
    size = min(math.ceil(share * len(names)), len(names) - 1)
    room = min(share * len(names), len(names) - size)  # each side must hold all strata
    stratify = strata if min(counts.values()) > 1 and len(counts) <= room else None
    chosen = train_test_split(np.arange(len(names)), test_size=size, random_state=seed, stratify=stratify)[1]
    side = np.isin(np.arange(len(names)), chosen)
    return spread(side, _held(labels, inverse), seed)[inverse]


def spread(side: np.ndarray, held: Any, seed: int) -> np.ndarray:
    """Swap units until each label of two units stands on both sides, the frequent ones first where room is short.

    Args:
        side: Which units (U,) were drawn; how many stays the same.
        held: Which labels each unit holds, sparse (U, L) of ones, in each row one at least.
        seed: Of the order in which units are taken.

    Example:
        >>> from scipy.sparse import csr_array
        >>> held = csr_array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
        >>> spread(np.array([True, True, False, False, False]), held, seed=1).astype(int) @ held
        array([1, 1])
    """
    columns, rank = held.tocsc(), np.random.default_rng(seed).permutation(len(side))
    for wanted in (True, False):
        for label in np.argsort(-held.sum(axis=0), kind="stable"):
            holders = columns.indices[columns.indptr[label] : columns.indptr[label + 1]]
            if len(holders) > 1 and not (side[holders] == wanted).any():
                side = _swapped(side, held, holders, wanted, rank)
    return side


def _swapped(side: np.ndarray, held: Any, holders: np.ndarray, wanted: bool, rank: np.ndarray) -> np.ndarray:
    """The sides with a holder of a label brought to the wanted one; as they are where either would lose a label."""
    coming = holders[_spare(held, side != wanted)[holders] > 1]
    if not len(coming):
        return side
    there = side.copy()
    there[coming[rank[coming].argmin()]] = wanted
    spare = np.where(side == wanted, _spare(held, there == wanted), 0)
    most = np.flatnonzero(spare == spare.max())
    if spare.max() < 2:
        return side
    there[most[rank[most].argmin()]] = not wanted
    return there


def _spare(held: Any, on: np.ndarray) -> np.ndarray:
    """Units on a side that hold the label of each unit (U,), that of its labels which fewest of them hold."""
    return np.minimum.reduceat((on.astype(np.int64) @ held)[held.indices], held.indptr[:-1])


def _pooled(strata: np.ndarray, share: float) -> np.ndarray:
    """Labels of too few units to be cut in proportion are one stratum; one unit alone joins the largest."""
    counts = Counter(strata.tolist())
    common = {label for label, count in counts.items() if count >= max(2, round(1 / share))}
    rare = len(strata) - sum(counts[label] for label in common)
    pool = max(sorted(common), key=counts.__getitem__) if rare == 1 and common else ""
    return np.array([label if label in common else pool for label in strata])


def _rarest(labels: Sequence[Sequence[str]], counts: Mapping[str, int]) -> np.ndarray:
    """One label a row (N,): its rarest, so that rare labels are spread too."""
    return np.array([min(row, key=lambda label: (counts[label], label)) for row in labels], dtype=object)


def _held(labels: Sequence[Sequence[str]], units: np.ndarray) -> Any:
    """Which labels each unit holds, sparse (U, L) of ones, given the labels and the unit of each row."""
    from scipy.sparse import csr_array

    rows = np.repeat(units, [len(row) for row in labels])
    found = pa.array(chain.from_iterable(labels), pa.string()).dictionary_encode().indices.to_numpy()
    held = csr_array((np.ones(len(rows), dtype=np.int64), (rows, found)))
    held.data[:] = 1
    return held
