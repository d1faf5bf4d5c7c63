"""Labels and slices on which the new bundle fell although the whole did not, beyond chance.

Of 30 slices of 50 rows some fall by a tenth between any two trainings. So a part counts as fallen only if it falls by
more than the bound *and* chance explains that with less than `1 - confidence`, shared out over the parts that are
looked at (Bonferroni).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from volant.config import Gate
from volant.evaluation.paired import Side, Value, fall, redraw
from volant.evaluation.partition import MANY, partitions
from volant.evaluation.slices import measure_parts
from volant.kinds.rates import by_label

Parts = list[dict[str, Any]]


def label_parts(labels: Sequence[str], new: Side, old: Side, gate: Gate, draws: tuple[int, int]) -> Parts:
    """F1 of each label for both, its support, and whether it fell.

    Args:
        labels: The labels that both know, as the columns of the tallies.
        new: Answers of the new bundle.
        old: Predictions of the champion on the same rows.
        gate: Bound, confidence and least support.
        draws: Resamples and seed.
    """
    now, before = (by_label(side.tallies) for side in (new, old))
    rows = [
        {"label": label, **_pair(int(now["support"][0, k]), float(now["f1"][0, k]), float(before["f1"][0, k]), 1)}
        for k, label in enumerate(labels)
    ]
    suspects = _suspects(rows, gate.max_label_drop, gate.min_support)
    if suspects:
        after, until = redraw(lambda side, weights: by_label(side.tallies, weights)["f1"], new, old, *draws)
        for k in suspects:
            rows[k]["p_value"] = fall(rows[k]["difference"], after[:, k] - until[:, k])
    return _judged(rows, gate)


def slice_parts(  # noqa: PLR0913, PLR0917  (two sides, and what to measure on them)
    test: pa.Table,
    columns: Sequence[str],
    metric: tuple[str, Value, int],
    new: Side,
    old: Side,
    gate: Gate,
    draws: tuple[int, int],
) -> Parts:
    """The metric on each slice of the rows for both, its rows, and whether it fell.

    A `VolantError` results if the rows lack a column.

    Args:
        test: The rows that both answered.
        columns: Columns to cut by, beside the length of the text.
        metric: Name, how it is measured, and 1 where more is better, else -1.
        new: Answers of the new bundle.
        old: Predictions of the champion.
        gate: Bound, confidence and least support.
        draws: Resamples and seed.
    """
    name, value, sign = metric
    rows: Parts = []
    inside: list[np.ndarray] = []
    for column, (values, codes) in partitions(test, columns).items():
        now, before = (measure_parts((values, codes), [name], side.tallies, side.scores) for side in (new, old))
        for k, (a, b) in enumerate(zip(now, before, strict=True)):
            # of hundreds of movies, those too small to decide anything would only drown the others
            if name in a.scores and name in b.scores and (len(values) <= MANY or a.rows >= gate.min_support):
                rows.append({"slice": column, "value": a.value, **_pair(a.rows, a.scores[name], b.scores[name], sign)})
                inside.append(np.flatnonzero(codes == k))
    for k in _suspects(rows, gate.max_slice_drop, gate.min_support):
        after, until = redraw(value, new.of(inside[k]), old.of(inside[k]), *draws)
        rows[k]["p_value"] = fall(rows[k]["difference"], sign * (after - until))
    return _judged(rows, gate)


def _pair(support: int, new: float, old: float, sign: int) -> dict[str, Any]:
    return {"support": support, "new": new, "old": old, "difference": sign * (new - old), "p_value": None}


def _suspects(rows: Parts, bound: float | None, least: int) -> list[int]:
    """Positions of the parts that fell by more than the bound: the others need no test."""
    if bound is None:
        return []
    return [k for k, row in enumerate(rows) if row["support"] >= least and row["difference"] < -bound]


def _judged(rows: Parts, gate: Gate) -> Parts:
    looked_at = max(1, sum(row["support"] >= gate.min_support for row in rows))
    allowed = (1 - gate.confidence) / looked_at
    return [{**row, "fell": row["p_value"] is not None and row["p_value"] <= allowed} for row in rows]
