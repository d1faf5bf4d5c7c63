"""The worst labels and slices of the evaluated version, read from `details.json`."""

from collections.abc import Mapping
from typing import Any

from volant.evaluation.slices import ENOUGH
from volant.kinds.rates import gain_sign

MOST = 5


def weak_labels(details: Mapping[str, Any], train: Mapping[str, int]) -> list[dict[str, Any]]:
    """The labels with the lowest F1, beside their test and train rows.

    Args:
        details: What evaluation found.
        train: Train rows of each label.

    Example:
        >>> found = weak_labels({"labels": [{"label": "a", "f1": 0.9, "support": 9}]}, {"a": 70})
        >>> found
        [{'label': 'a', 'f1': 0.9, 'test_rows': 9, 'train_rows': 70}]
    """
    judged = [row for row in details.get("labels", []) if row["f1"] is not None]
    rows = sorted(judged, key=lambda row: (row["f1"], row["label"]))
    return [
        {
            "label": row["label"],
            "f1": row["f1"],
            "test_rows": row["support"],
            "train_rows": train.get(row["label"], 0),
        }
        for row in rows[:MOST]
    ]


def weak_slices(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The slices with 20 rows or more on which the flywheel's metric is worst, of all columns together.

    Example:
        >>> parts = [{"value": "x", "rows": 30, "f": 0.5}, {"value": "y", "rows": 3, "f": 0.1}]
        >>> weak_slices({"metric": "f", "scores": {"f": 0.7}, "slices": {"site": {"listed": parts}}})
        [{'slice': 'site', 'value': 'x', 'rows': 30, 'score': 0.5}]
    """
    metric = details.get("metric", "")
    sign = gain_sign(metric)
    rows = [
        {"slice": column, "value": part["value"], "rows": part["rows"], "score": part[metric]}
        for column, cut in details.get("slices", {}).items()
        for part in cut["listed"]
        if part["rows"] >= ENOUGH and metric in part
    ]
    worse = [row for row in rows if sign * row["score"] < sign * details["scores"][metric]]
    return sorted(worse, key=lambda row: (sign * row["score"], row["slice"], row["value"]))[:MOST]
