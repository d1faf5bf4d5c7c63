"""The learning curve: refitted on 25, 50 and 100 % of the train rows, scored on validation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from volant.evaluation.paired import Side, interval, metric_value, redraw
from volant.flywheel.advice.rows import refit
from volant.kinds.calibration import score_matrix
from volant.kinds.rates import gain_sign
from volant.models import Examples, Task
from volant.models.folds import pick
from volant.models.tfidf import Linear

SHARES = (0.25, 0.5, 1.0)
SAMPLES = 500
FLAT = 0.01  # what another doubling may still give where the curve counts as flat


@dataclass(frozen=True)
class Curve:
    """The learning curve.

    Attributes:
        metric: The flywheel's metric.
        points: For each share of the rows: share, rows, value, low, high (95 % interval).
        gain: What the last doubling gave, with the ends of its paired 95 % interval; below 0 if it got worse.
        expected: What another doubling would give if the gains go on shrinking as they did.
        outlook: `rising`, `flat` or `unclear`.
    """

    metric: str
    points: list[dict[str, Any]]
    gain: list[float]
    expected: float
    outlook: str


def learning_curve(model: Linear, train: Examples, validation: Examples, task: Task, order: np.ndarray) -> Curve:
    """Fit on the first 25, 50 and 100 % of the ordered rows; test rows are not looked at.

    Args:
        model: What is fitted; of the linear family, so that it costs seconds.
        train: Rows to learn from.
        validation: Rows to score.
        task: Kind, labels, metric, seed.
        order: Positions of train rows whose beginnings are fair samples.
    """
    value = metric_value(task.metric)
    sign = gain_sign(task.metric)
    sides = []
    points = []
    for share in SHARES:
        rows = order[: max(2, round(share * len(order)))]
        sides.append(_side(refit(model, pick(train, rows), validation.texts, task), validation, task))
        points.append({"share": share, "rows": len(rows), "value": float(value(sides[-1], None)[0])})
    drawn = [redraw(value, side, sides[-1], SAMPLES, task.seed) for side in sides]
    for point, (values, _) in zip(points, drawn, strict=True):
        point["low"], point["high"] = interval(values, 0.95)
    half, whole = drawn[-2]
    low, high = interval(sign * (whole - half), 0.95)
    first, last = (sign * (points[k + 1]["value"] - points[k]["value"]) for k in (0, 1))
    return Curve(task.metric, points, [last, low, high], _expected(first, last), _outlook(low, high))


def _side(logits: np.ndarray, validation: Examples, task: Task) -> Side:
    calibration = task.calibrate(logits, validation)
    said = task.kind.decode(task.kind.probabilities(logits, calibration), task.labels, calibration)
    return Side(task.kind.tally(validation.gold, said, task.labels), score_matrix(said, task.labels))


def _expected(first: float, last: float) -> float:
    """The gain of the next doubling: each is as much smaller than the one before as the last one was.

    Example:
        >>> _expected(0.04, 0.02)
        0.01
    """
    return last * min(1.0, last / first) if first > 0 and last > 0 else max(last, 0.0)


def _outlook(low: float, high: float) -> str:
    if low > 0:
        return "rising"
    return "flat" if high < FLAT else "unclear"
