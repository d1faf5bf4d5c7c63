"""The plot of a flywheel's data: rows of each label, and lengths of the texts."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from volant.rendering.canvas import COLOURS, DASHES, names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = (COLOURS[5], COLOURS[1], COLOURS[6])  # train, validation, test
LISTED = 40  # labels that the plot of the data shows


def data(
    labels: Sequence[str], counts: Mapping[str, Sequence[int]], lengths: Mapping[str, np.ndarray], unit: str
) -> "Figure":
    """Draw the rows of each label by split, the most frequent on top, and the lengths of the texts.

    Args:
        labels: Labels, the most frequent first.
        counts: Number of rows of each label, by split.
        lengths: Length of each text, (N,), by split.
        unit: Unit of the lengths, `words` or `characters`.
    """
    from matplotlib.figure import Figure

    listed = min(len(labels), LISTED)
    tall = 0.8 + 0.3 * listed
    figure = Figure(figsize=(8, tall + 3.2), layout="constrained", dpi=120)
    top, below = figure.subplots(2, 1, height_ratios=[tall, 2.6])
    places = np.arange(listed)[::-1]
    for k, (split, rows) in enumerate(counts.items()):
        colour = SIDES[k % len(SIDES)]
        if k == 0:
            top.barh(places, rows[:listed], height=0.7, color=colour, label=split)
        else:
            top.plot(rows[:listed], places, "Do"[k % 2], color=colour, markersize=9 - 2.5 * min(k, 2), label=split)
    _histogram(below, lengths, unit)
    every = chain.from_iterable(rows[:listed] for rows in counts.values())
    numbers = [number for number in every if number]
    if numbers and max(numbers) > 50 * min(numbers):
        top.set_xscale("symlog", linthresh=1)  # unlike log it has a place for 0
    top.xaxis.set_major_formatter("{x:,.0f}")
    titles = names(labels)
    top.set_yticks(places, [titles[label] for label in labels[:listed]])
    suffix = f" (the {listed} most frequent of {len(labels)})" if listed < len(labels) else ""
    top.set(
        xlim=(0, None),
        ylim=(-0.6, listed - 0.4),
        xlabel="rows" if top.get_xscale() == "linear" else "rows (log scale)",
        title=f"Rows of each label{suffix}",
    )
    top.grid(axis="x", alpha=0.3)
    for axis in (top, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _histogram(axis: "Axes", lengths: Mapping[str, np.ndarray], unit: str) -> None:
    """Draw the share of the rows of each split by length; the longest 1 % are counted in the last bin."""
    end = max((int(np.percentile(values, 99)) for values in lengths.values() if len(values)), default=1)
    step = max(1, -(-(end + 1) // 40))
    edges = np.arange(0, end + step + 1, step)
    for k, (split, values) in enumerate(lengths.items()):
        shares = np.histogram(np.minimum(values, edges[-1]), edges)[0] / max(len(values), 1)
        dash = DASHES[max(k - 1, 0) % len(DASHES)]
        colour = SIDES[k % len(SIDES)]
        axis.stairs(100 * shares, edges, fill=k == 0, linestyle=dash, linewidth=1.4, color=colour, label=split)
    axis.set(xlim=(0, edges[-1]), xlabel=unit, ylabel="% of rows", title=f"Length in {unit}")
