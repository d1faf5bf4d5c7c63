"""The rows of a table on the other side of a split: whole units, by their positions, labels in proportion."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np
import pyarrow as pa

from volant.kinds import Kind

SLACK = 0.01  # of a label's share that it may be off before units are exchanged: large files then never move a row
OFF = 0.003  # of the rows of a side that its groups may be off, all labels together
WINDOWS = {16: 3, 32: 3, 64: 2, 128: 2, 256: 2}  # groups nearest to the cut-off, and how many to exchange at once
TRIES = 8  # holders of a label that are tried before it stays where it is
TINY = 1e-9


@dataclass(frozen=True)
class Units:
    """The units, which must not be split.

    Attributes:
        numbers: Unit of each row, 0 and up, (N,).
        positions: Position of each unit in [0, 1), (U,); those below the share are drawn.
        groups: Whether they are groups of many rows each, whose labels only exchanging whole ones brings in proportion.
    """

    numbers: np.ndarray
    positions: np.ndarray
    groups: bool = False


def draw(table: pa.Table, kind: Kind, units: Units, share: float, slack: float = SLACK) -> np.ndarray:
    """Choose the rows (N,) of the other side: units below the share, exchanged near it to keep labels in proportion.

    Labels of few units stand on both sides if they can. A unit far from the cut-off never moves.

    Args:
        table: N rows.
        kind: Kind of their labels.
        units: What must not be parted; two at least.
        share: Of the units to draw; of groups, of the rows.
        slack: How far from its share a label may be, as a part of it, before units are exchanged.
    """
    from scipy.sparse import csr_array, hstack

    gold = kind.gold(table)
    labels = [kind.labels_of(annotation) or ("",) for annotation in gold]
    held = _held(labels, units.numbers)
    rank = np.argsort(np.argsort(abs(units.positions - share), kind="stable"))
    if units.groups:
        rows = np.bincount(units.numbers)
        side = _balanced(hstack([held, csr_array(rows[:, None])], format="csr"), units.positions, share)
    else:
        strata = _pooled(_rarest_of_units(labels, kind.count(gold), units.numbers), share)
        side = _proportional(strata, units.positions, share, slack)
    held.data[:] = 1
    return spread(side, held, rank)[units.numbers]


def _proportional(strata: np.ndarray, positions: np.ndarray, share: float, slack: float) -> np.ndarray:
    """The units (U,) of the lowest positions of each stratum: those below the share, as near as need be to it."""
    stratum = np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(stratum)
    wanted = _apportioned(share * sizes, min(math.ceil(share * len(strata) - TINY), len(strata) - 1))
    room = np.floor(slack * wanted).astype(int)
    below = np.bincount(stratum[positions < share], minlength=len(sizes))
    taken = np.clip(below, wanted - room, wanted + room)
    order = np.lexsort((positions, stratum))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    side = np.zeros(len(strata), dtype=bool)
    side[order] = place < taken[stratum[order]]
    return side


def _apportioned(quotas: np.ndarray, total: int) -> np.ndarray:
    """Return whole numbers of that sum, nearest to the quotas by the method of largest remainders.

    Example:
        >>> _apportioned(np.array([1.6, 1.6, 0.8]), 4).tolist()
        [2, 1, 1]
    """
    whole = np.floor(quotas + TINY).astype(int)
    rest = total - whole.sum()
    whole[np.argsort(whole - quotas, kind="stable")[:rest]] += 1
    return whole


def _balanced(counts: Any, positions: np.ndarray, share: float) -> np.ndarray:
    """The units (U,) below the share; of those nearest to it as few are exchanged as bring all columns in proportion.

    Args:
        counts: What is to be in proportion, such as the rows of each label in each unit, sparse (U, L); rows come last.
        positions: Of each unit.
        share: Of each column.
    """
    near = np.argsort(abs(positions - share), kind="stable")
    side = positions < share
    if side.all() or not side.any():
        side[near[0]] ^= True
    goal = share * counts.sum(axis=0)
    for window, most in WINDOWS.items():
        sets = _sets(min(window, len(near)), most)
        change = counts[near[:window]].toarray()
        chosen = np.arange(1)
        while len(chosen):
            off = side.astype(int) @ counts - goal
            limit = OFF * goal[-1]
            if np.linalg.norm(off) <= limit:
                return side
            chosen = near[_exchange(side, near[:window], change, off, sets, limit)]
            side[chosen] ^= True
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
    """Up to `most` of the first `count` numbers, (S, most), filled up with `count`; none first, low before high.

    Example:
        >>> _sets(2, most=2).tolist()
        [[2, 2], [0, 2], [1, 2], [0, 1]]
    """
    sets = [(*some, *[count] * (most - size)) for size in range(most + 1) for some in combinations(range(count), size)]
    return np.array(sorted(sets, key=lambda some: max((n for n in some if n < count), default=-1)))


def spread(side: np.ndarray, held: Any, rank: np.ndarray) -> np.ndarray:
    """Swap units until each label of two units stands on both sides, the frequent ones first where room is short.

    Args:
        side: Which units (U,) were drawn; how many stays the same.
        held: Which labels each unit holds, sparse (U, L) of ones, in each row one at least.
        rank: Order in which units are taken, (U,).

    Example:
        >>> from scipy.sparse import csr_array
        >>> held = csr_array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
        >>> spread(np.array([True, True, False, False, False]), held, np.arange(5)).astype(int) @ held
        array([1, 1])
    """
    columns = held.tocsc()
    for wanted in (True, False):
        for label in np.argsort(-held.sum(axis=0), kind="stable"):
            holders = columns.indices[columns.indptr[label] : columns.indptr[label + 1]]
            if len(holders) > 1 and not (side[holders] == wanted).any():
                side = _swapped(side, held, holders, wanted, rank)
    return side


def _swapped(side: np.ndarray, held: Any, holders: np.ndarray, wanted: bool, rank: np.ndarray) -> np.ndarray:
    """The sides with a holder of a label brought to the wanted one; as they are where either would lose a label."""
    spare = _spare(held, side != wanted)
    for coming in holders[np.lexsort((rank[holders], spare[holders] < 2))][:TRIES]:
        there = side.copy()
        there[coming] = wanted
        fit = np.where(side == wanted, _spare(held, there == wanted), 0)
        if spare[coming] < 2:  # then what goes in its stead must hold what it alone held
            alone = np.zeros(held.shape[1], dtype=np.int64)
            alone[held[[coming]].indices] = 1
            alone[(side != wanted).astype(np.int64) @ held > 1] = 0
            fit[held @ alone < alone.sum()] = 0
        if fit.max() > 1:
            most = np.flatnonzero(fit == fit.max())
            there[most[rank[most].argmin()]] = not wanted
            return there
    return side


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


def _held(labels: Sequence[Sequence[str]], units: np.ndarray) -> Any:
    """Count the rows of each unit with each label, sparse (U, L), given the labels and the unit of each row."""
    from scipy.sparse import csr_array

    rows = np.repeat(units, [len(row) for row in labels])
    columns = pa.array(chain.from_iterable(labels), pa.string()).dictionary_encode().indices.to_numpy()
    held = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)))
    held.sum_duplicates()
    return held
