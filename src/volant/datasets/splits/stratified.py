"""The selection of one side of a split: whole units, by their positions, labels in proportion."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np
import pyarrow as pa

from volant.kinds import Kind

SLACK = 0.01  # relative error of a label's share before units are exchanged: in large files no row moves then
OFF = 0.003  # error of a side with groups, all labels together, relative to its rows
WINDOWS = {16: 3, 32: 3, 64: 2, 128: 2, 256: 2}  # groups nearest to the cut-off → number to exchange at once
TRIES = 8  # units with a label that are tried before it stays on its side
TINY = 1e-9


@dataclass(frozen=True)
class Units:
    """The units, which must not be split.

    Attributes:
        numbers: Unit of each row, from 0, (N,).
        positions: Position of each unit in [0, 1), (U,); those below the share are drawn.
        groups: True for groups of many rows each, which are exchanged as a whole to bring labels in proportion.
    """

    numbers: np.ndarray
    positions: np.ndarray
    groups: bool = False


def draw(table: pa.Table, kind: Kind, units: Units, share: float, slack: float = SLACK) -> np.ndarray:
    """Return True for each row to draw, (N,): units below the share, exchanged near it to keep labels in proportion.

    Labels of few units are on both sides if possible. A unit far from the cut-off never moves.

    Args:
        table: N rows.
        kind: Kind of prediction.
        units: Units that must not be split; at least two.
        share: Share of the units to draw; for groups, of the rows.
        slack: Relative error of a label's share before units are exchanged.
    """
    from scipy.sparse import csr_array, hstack

    gold = kind.gold(table)
    labels = [kind.labels_of(annotation) or ("",) for annotation in gold]
    label_counts = _label_counts(labels, units.numbers)
    rank = np.argsort(np.argsort(abs(units.positions - share), kind="stable"))
    if units.groups:
        rows = np.bincount(units.numbers)
        side = _balanced(hstack([label_counts, csr_array(rows[:, None])], format="csr"), units.positions, share)
    else:
        strata = _pooled(_rarest_of_units(labels, kind.count(gold), units.numbers), share)
        side = _proportional(strata, units.positions, share, slack)
    label_counts.data[:] = 1
    return spread(side, label_counts, rank)[units.numbers]


def _proportional(strata: np.ndarray, positions: np.ndarray, share: float, slack: float) -> np.ndarray:
    """Draw the units of the lowest positions of each stratum, (U,): those below the share, with as few changes."""
    stratum = np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(stratum)
    targets = _apportioned(share * sizes, min(math.ceil(share * len(strata) - TINY), len(strata) - 1))
    room = np.floor(slack * targets).astype(int)
    below = np.bincount(stratum[positions < share], minlength=len(sizes))
    drawn = np.clip(below, targets - room, targets + room)
    order = np.lexsort((positions, stratum))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    side = np.zeros(len(strata), dtype=bool)
    side[order] = place < drawn[stratum[order]]
    return side


def _apportioned(quotas: np.ndarray, total: int) -> np.ndarray:
    """Return whole numbers of that sum, nearest to the quotas by the method of largest remainders.

    Example:
        >>> _apportioned(np.array([1.6, 1.6, 0.8]), 4).tolist()
        [2, 1, 1]
    """
    whole = np.floor(quotas + TINY).astype(int)
    missing = total - whole.sum()
    whole[np.argsort(whole - quotas, kind="stable")[:missing]] += 1
    return whole


def _balanced(counts: Any, positions: np.ndarray, share: float) -> np.ndarray:
    """Draw the units below the share, (U,); as few as possible near it are exchanged to bring columns in proportion.

    Args:
        counts: Number of rows of each label in each unit, then of all rows, sparse (U, L + 1).
        positions: Position of each unit, (U,).
        share: Share of each column to draw.
    """
    near = np.argsort(abs(positions - share), kind="stable")
    side = positions < share
    if side.all() or not side.any():
        side[near[0]] ^= True
    goal = share * counts.sum(axis=0)
    for window, most in WINDOWS.items():
        sets = _sets(min(window, len(near)), most)
        change = counts[near[:window]].toarray()
        exchanged = np.arange(1)
        while len(exchanged):
            off = side.astype(int) @ counts - goal
            limit = OFF * goal[-1]
            if np.linalg.norm(off) <= limit:
                return side
            exchanged = near[_exchange(side, near[:window], change, off, sets, limit)]
            side[exchanged] ^= True
    return side


def _exchange(
    side: np.ndarray, near: np.ndarray, counts: np.ndarray, off: np.ndarray, sets: np.ndarray, limit: float
) -> np.ndarray:
    """Choose units near the cut-off (W,) to exchange: the first set that brings `off` to the limit, or the best."""
    sign = np.append(np.where(side[near], -1, 1), 0)
    moved = np.vstack([counts, np.zeros_like(off)]) * sign[:, None]
    distance = np.linalg.norm(off + sum(moved[column] for column in sets.T), axis=1)
    size = side.sum() + sign[sets].sum(axis=1)
    distance[(size < 1) | (size > len(side) - 1)] = np.inf
    enough = np.flatnonzero(distance <= limit)
    best = sets[enough[0] if len(enough) else distance.argmin()]
    return best[best < len(near)]


def _sets(count: int, most: int) -> np.ndarray:
    """Return all sets of up to `most` of the first `count` numbers, (S, most), padded with `count`, low before high.

    Example:
        >>> _sets(2, most=2).tolist()
        [[2, 2], [0, 2], [1, 2], [0, 1]]
    """
    sets = []
    for size in range(most + 1):
        padding = [count] * (most - size)
        sets += [(*numbers, *padding) for numbers in combinations(range(count), size)]
    return np.array(sorted(sets, key=lambda numbers: max((n for n in numbers if n < count), default=-1)))


def spread(side: np.ndarray, unit_labels: Any, rank: np.ndarray) -> np.ndarray:
    """Swap units until each label of two units is on both sides, frequent labels first if there is too little room.

    Args:
        side: True for each drawn unit, (U,); their number stays the same.
        unit_labels: Labels of each unit, sparse (U, L) of ones, at least one in each row.
        rank: Order in which units are tried, (U,).

    Example:
        >>> from scipy.sparse import csr_array
        >>> unit_labels = csr_array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
        >>> spread(np.array([True, True, False, False, False]), unit_labels, np.arange(5)).astype(int) @ unit_labels
        array([1, 1])
    """
    columns = unit_labels.tocsc()
    for target in (True, False):
        for label in np.argsort(-unit_labels.sum(axis=0), kind="stable"):
            holders = columns.indices[columns.indptr[label] : columns.indptr[label + 1]]
            if len(holders) > 1 and not (side[holders] == target).any():
                side = _swapped(side, unit_labels, holders, target, rank)
    return side


def _swapped(side: np.ndarray, unit_labels: Any, holders: np.ndarray, target: bool, rank: np.ndarray) -> np.ndarray:
    """Return the sides with a unit of a label moved to the target side; unchanged if a side would lose a label."""
    spare = _spare(unit_labels, side != target)
    for coming in holders[np.lexsort((rank[holders], spare[holders] < 2))][:TRIES]:
        swapped = side.copy()
        swapped[coming] = target
        fit = np.where(side == target, _spare(unit_labels, swapped == target), 0)
        if spare[coming] < 2:  # then the unit that takes its place must have the labels that it alone had
            alone = np.zeros(unit_labels.shape[1], dtype=np.int64)
            alone[unit_labels[[coming]].indices] = 1
            alone[(side != target).astype(np.int64) @ unit_labels > 1] = 0
            fit[unit_labels @ alone < alone.sum()] = 0
        if fit.max() > 1:
            most = np.flatnonzero(fit == fit.max())
            swapped[most[rank[most].argmin()]] = not target
            return swapped
    return side


def _spare(unit_labels: Any, side: np.ndarray) -> np.ndarray:
    """Return the number of units on a side with each unit's rarest label there, (U,)."""
    return np.minimum.reduceat((side.astype(np.int64) @ unit_labels)[unit_labels.indices], unit_labels.indptr[:-1])


def _pooled(strata: np.ndarray, share: float) -> np.ndarray:
    """Merge labels of too few units to be in proportion into one stratum; a single unit joins the largest."""
    counts = Counter(strata.tolist())
    common = {label for label, count in counts.items() if count >= max(2, round(1 / share))}
    rare = len(strata) - sum(counts[label] for label in common)
    pool = max(sorted(common), key=counts.__getitem__) if rare == 1 and common else ""
    return np.array([label if label in common else pool for label in strata])


def rarest(labels: Sequence[Sequence[str]], counts: Mapping[str, int]) -> list[str]:
    """Return the rarest label of each row; of equally rare ones, the first by name."""
    return [min(row, key=lambda label: (counts[label], label)) for row in labels]


def _rarest_of_units(labels: Sequence[Sequence[str]], counts: Mapping[str, int], units: np.ndarray) -> np.ndarray:
    """Return the rarest label of each unit (U,), so that rare labels are spread too."""
    rows = rarest(labels, counts)
    ranked = sorted(set(rows), key=lambda label: (counts[label], label))
    numbers = {label: number for number, label in enumerate(ranked)}
    lowest = np.full(units.max() + 1, len(ranked))
    np.minimum.at(lowest, units, [numbers[label] for label in rows])
    return np.array(ranked, dtype=object)[lowest]


def _label_counts(labels: Sequence[Sequence[str]], units: np.ndarray) -> Any:
    """Count the rows of each unit with each label, sparse (U, L), given the labels and the unit of each row."""
    from scipy.sparse import csr_array

    rows = np.repeat(units, [len(row) for row in labels])
    columns = pa.array(chain.from_iterable(labels), pa.string()).dictionary_encode().indices.to_numpy()
    counts = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)))
    counts.sum_duplicates()
    return counts
