"""Two bundles' predictions of the same test rows, on the shared labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from volant.errors import VolantError
from volant.evaluation.bootstrap import resampling_units, units_of
from volant.evaluation.paired import Side, Value, gained, metric_value, redraw
from volant.flywheel.gate import evidence
from volant.kinds import Kind
from volant.kinds.calibration import score_matrix
from volant.kinds.rates import gain_sign
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Answers:
    """The predictions of a bundle with `labels` for each test row."""

    labels: tuple[str, ...]
    predicted: Sequence[Annotation]


@dataclass(frozen=True)
class Pair:
    """Two bundles' predictions of the rows of shared labels.

    Attributes:
        metric: The flywheel's metric; `value` measures it, `sign` is -1 where less is better.
        labels: The labels that both know.
        rows: Positions of the rows.
        new: Answers of the new bundle; `now` is its score.
        old: Answers of the other; `before` is its score.
    """

    metric: str
    value: Value
    sign: int
    labels: tuple[str, ...]
    rows: np.ndarray
    new: Side
    old: Side
    now: float
    before: float

    @property
    def difference(self) -> float:
        """Return how much better the new version is."""
        return self.sign * (self.now - self.before)

    @property
    def units(self) -> int:
        """Return the number of units drawn."""
        return int(self._drawn().max()) + 1

    def _drawn(self) -> np.ndarray:
        return np.arange(len(self.rows)) if self.new.units is None else resampling_units(self.new.units)

    def spread(self, differences: np.ndarray | None = None, samples: int = 1000, seed: int = 0) -> float:
        """Return the standard error of the difference: exact for means over rows, else that of its resamples.

        Args:
            differences: Differences of resamples, if they are drawn already.
            samples: Number of resamples to draw else.
            seed: Seed of the draws.
        """
        rows = gained(self.metric, self.new, self.old)
        if rows is not None:
            return float(evidence.mean_difference(rows, self._drawn())[1])
        if differences is None:
            new, old = redraw(self.value, self.new, self.old, samples, seed)
            differences = new - old
        return float(np.nanstd(differences))


def paired(kind: Kind, metric: str, test: pa.Table, new: Answers, old: Answers, group: str | None) -> Pair:
    """Return both bundles' predictions of the rows that both can predict; as `compare`, without its verdict.

    Args:
        kind: Kind of the labels.
        metric: Metric of the flywheel.
        test: Test rows (N).
        new: Predictions (N) of the new bundle.
        old: Predictions (N) of the champion.
        group: Column of the groups that are drawn whole, if there is one.

    Raises:
        VolantError: As `compare`.
    """
    gold = kind.gold(test)
    if not len(gold) == len(new.predicted) == len(old.predicted):
        counts = f"{len(gold)} rows, {len(new.predicted)} new answers, {len(old.predicted)} of the champion"
        raise VolantError(f"There are {counts}. Let both predict the same rows.")
    shared = tuple(label for label in new.labels if label in set(old.labels))
    rows = answerable(kind, gold, shared)
    if not len(rows):
        raise VolantError(
            f"None of the {len(gold)} test rows has labels shared by both versions "
            f"(new: {', '.join(new.labels)}; champion: {', '.join(old.labels)}). Add test rows of shared labels."
        )
    units = units_of(test.take(rows), group)
    shown = [gold[k] for k in rows]
    sides = [replace(_side(kind, shown, answers, rows, shared), units=units) for answers in (new, old)]
    value = metric_value(metric)
    sign = gain_sign(metric)
    now, before = (float(value(side, None)[0]) for side in sides)
    if np.isnan([now, before]).any():
        raise VolantError(
            f"'{metric}' is undefined on the {len(rows)} rows that both can predict: some label has none."
        )
    return Pair(metric, value, sign, shared, rows, sides[0], sides[1], now, before)


def answerable(kind: Kind, gold: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray:
    """Return the positions of rows whose gold has these labels only; with several labels, also rows without any.

    Args:
        kind: Kind of the labels.
        gold: Gold label or labels of each row (N).
        labels: Labels that both versions know.
    """
    known = set(labels)
    held = [kind.labels_of(a) for a in gold]
    fits = [known.issuperset(labels) and bool(labels or not kind.exclusive) for labels in held]
    return np.flatnonzero(np.array(fits, dtype=bool)) if known else np.empty(0, dtype=int)


def _side(kind: Kind, gold: Sequence[Annotation], answers: Answers, rows: np.ndarray, labels: Sequence[str]) -> Side:
    """Score predictions on the shared labels: another label instead of the gold label is a miss.

    Else one wrong answer would add a label with an F1 of 0 to the macro average of the side that knows more.
    """
    said = [answers.predicted[k] for k in rows]
    whole = kind.tally(gold, said, answers.labels)
    columns = [answers.labels.index(label) for label in labels]
    return Side(whole.on(columns), score_matrix(said, labels))
