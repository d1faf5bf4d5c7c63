"""Plots of an evaluation: confusion, metrics by label, calibration, curves."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from volant.kinds.rates import AVERAGED
from volant.rendering.canvas import COLOURS, DASHES, canvas, names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from volant.evaluation.reliability import Reliability
WRITTEN = 15  # largest number of labels for which a confusion cell has room for its number


def confusion(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> "Figure":
    """Plot the share of each gold label's rows by predicted label: a row adds up to 100 %."""
    places = {label: k for k, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    for (gold, predicted), count in Counter(pairs).items():
        counts[places[gold], places[predicted]] = count
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(4 + 0.32 * len(labels), 24)
    figure, (axis,) = canvas(side + 1, side)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    axis.spines[:].set_visible(False)
    shown = names(labels)
    axis.set_xticks(range(len(labels)), [shown[label] for label in labels], rotation=90 if len(labels) > 4 else 0)
    axis.set_yticks(range(len(labels)), [shown[label] for label in labels])
    axis.set(xlabel="predicted", ylabel="gold", title="Confusion: % of each gold label")
    if len(labels) <= WRITTEN:
        _write_cells(axis, shares, counts)
    figure.colorbar(image, ax=axis, shrink=0.7, label="%")
    return figure


def per_class(labels: Sequence[dict]) -> "Figure":
    """Plot F1 of each label as a bar, the best on top, with its precision and recall as marks."""
    rows = sorted(labels, key=lambda row: -1.0 if row["f1"] is None else row["f1"])  # without metrics: at the bottom
    rates = {name: _column(rows, name) for name in AVERAGED}
    places = np.arange(len(rows))
    figure, (axis,) = canvas(8, min(1.6 + 0.3 * len(rows), 24))
    marks: Any = {"markersize": 5, "clip_on": False}  # whole marks at 0 and 1 too
    axis.barh(places, rates["f1"], color=COLOURS[5], label="F1")
    axis.plot(rates["precision"], places, "D", color=COLOURS[1], label="precision", **marks)
    axis.plot(rates["recall"], places, "o", color=COLOURS[6], label="recall", **marks)
    shown = names([row["label"] for row in rows])
    axis.set_yticks(places, [f"{shown[row['label']]} ({row['support']})" for row in rows])
    axis.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4), xlabel="share", title="Per label (test rows)")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def calibration(before: "Reliability", after: "Reliability") -> "Figure":
    """Plot the share of correct predictions by their probability, and the number of predictions."""
    figure, (axis, counts) = canvas(10, 4.2, panels=2)
    axis.plot([0, 1], [0, 1], ":", color=COLOURS[7], label="perfect")
    styles = (("before", before, COLOURS[1], "s--"), ("after", after, COLOURS[0], "o-"))
    for k, (name, curve, colour, style) in enumerate(styles):
        label = f"{name} scaling (ECE {curve.error:.3f})"
        axis.plot(curve.confidence, curve.accuracy, style, color=colour, markersize=5, label=label)
        counts.bar(curve.confidence + (k - 0.5) * 0.02, curve.count, width=0.02, color=colour, label=name)
    axis.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="predicted probability",
        ylabel="share that is correct",
        title="Calibration",
    )
    axis.legend(frameon=False)
    counts.set(xlim=(0, 1), yscale="log", xlabel="predicted probability", ylabel="predictions", title="Distribution")
    counts.legend(frameon=False)
    return figure


def curves(roc: Sequence[dict], pr: Sequence[dict]) -> "Figure":
    """Plot ROC and precision-recall curves, a line for each label."""
    figure, (left, right) = canvas(12, 4.8, panels=2)
    labels = list(dict.fromkeys(row["label"] for row in [*pr, *roc]))
    for axis, rows, x, y in ((left, roc, "fpr", "tpr"), (right, pr, "recall", "precision")):
        for k, name in enumerate(labels):
            points = [(row[x], row[y]) for row in rows if row["label"] == name]
            colour = COLOURS[k % len(COLOURS)]
            dash = DASHES[k // len(COLOURS) % len(DASHES)]
            axis.plot(*zip(*points, strict=True), dash, color=colour) if points else None
        axis.set(xlim=(0, 1), ylim=(0, 1.01))
        axis.grid(alpha=0.3)
    left.plot([0, 1], [0, 1], ":", color=COLOURS[7])
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    right.set(xlabel="recall", ylabel="precision", title="Precision-recall")
    _legend(right, labels)
    return figure


def _column(rows: Sequence[dict], name: str) -> list[float]:
    return [math.nan if row[name] is None else row[name] for row in rows]


def _legend(axis: "Axes", labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=COLOURS[k % len(COLOURS)], linestyle=DASHES[k // len(COLOURS) % len(DASHES)])
        for k in range(len(labels))
    ]
    texts = list(names(labels).values())
    axis.legend(lines, texts, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _write_cells(axis: "Axes", shares: np.ndarray, counts: np.ndarray) -> None:
    with_counts = len(shares) <= 6  # room for the count below the share
    for row, column in np.ndindex(*shares.shape):
        text = f"{shares[row, column]:.0f}" + (f"\n({counts[row, column]:.0f})" if with_counts else "")
        colour = "white" if shares[row, column] > 55 else "black"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
