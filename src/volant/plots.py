"""Plots as PNG files: same figures, same bytes; readable with 28 labels and by the colour-blind."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from volant.kinds.rates import AVERAGED
from volant.schema import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from volant.evaluation.reliability import Reliability

# Okabe & Ito 2008, https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
DASHES = ("-", "--", ":", "-.")
WRITTEN = 15  # labels up to which a confusion cell has room for its number
SIDES = (COLOURS[5], COLOURS[1], COLOURS[6])  # train, validation, test
LISTED = 40  # labels that the plot of the data shows


def canvas(width: float, height: float, panels: int = 1) -> tuple["Figure", list["Axes"]]:
    """A figure of that size in inches and its panels side by side; no window, no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    axes = [figure.add_subplot(1, panels, k + 1) for k in range(panels)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, whole or not at all, without the software's version in its bytes."""
    _choose_fonts(figure)
    with whole(path) as part:
        figure.savefig(part, format="png", metadata={"Software": None})


def _choose_fonts(figure: "Figure") -> None:
    """Give each text whose letters matplotlib's own font lacks one of this machine that has them."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        missing = frozenset(text.get_text()) - _letters(_own_font())  # type: ignore[union-attr]
        if missing and (font := _font_for(missing)):
            text.set_fontfamily(["DejaVu Sans", font])  # type: ignore[union-attr]


def confusion(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> "Figure":
    """Where the rows of each gold label went: a row sums to 100 %."""
    places = {label: k for k, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    for (gold, said), count in Counter(pairs).items():
        counts[places[gold], places[said]] = count
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
    """F1 of each label as a bar, the best on top, with its precision and recall as marks."""
    rows = sorted(labels, key=lambda row: -1.0 if row["f1"] is None else row["f1"])  # one without figures comes last
    shown = {name: [math.nan if row[name] is None else row[name] for row in rows] for name in AVERAGED}
    places = np.arange(len(rows))
    figure, (axis,) = canvas(8, min(1.6 + 0.3 * len(rows), 24))
    marks: Any = {"markersize": 5, "clip_on": False}  # whole ones at 0 and 1 too
    axis.barh(places, shown["f1"], color=COLOURS[5], label="F1")
    axis.plot(shown["precision"], places, "D", color=COLOURS[1], label="precision", **marks)
    axis.plot(shown["recall"], places, "o", color=COLOURS[6], label="recall", **marks)
    said = names([row["label"] for row in rows])
    axis.set_yticks(places, [f"{said[row['label']]} ({row['support']})" for row in rows])
    axis.set(xlim=(0, 1), ylim=(-0.6, len(rows) - 0.4), xlabel="share", title="Per label (test rows)")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def calibration(before: "Reliability", after: "Reliability") -> "Figure":
    """Probability claimed against share that came true, and how often each is claimed."""
    figure, (axis, counts) = canvas(10, 4.2, panels=2)
    axis.plot([0, 1], [0, 1], ":", color=COLOURS[7], label="perfect")
    styles = (("before", before, COLOURS[1], "s--"), ("after", after, COLOURS[0], "o-"))
    for k, (name, found, colour, style) in enumerate(styles):
        label = f"{name} scaling (ECE {found.error:.3f})"
        axis.plot(found.confidence, found.accuracy, style, color=colour, markersize=5, label=label)
        counts.bar(found.confidence + (k - 0.5) * 0.02, found.count, width=0.02, color=colour, label=name)
    axis.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="claimed probability",
        ylabel="share that is true",
        title="Calibration",
    )
    axis.legend(frameon=False)
    counts.set(xlim=(0, 1), yscale="log", xlabel="claimed probability", ylabel="answers", title="How often")
    counts.legend(frameon=False)
    return figure


def curves(roc: Sequence[dict], pr: Sequence[dict]) -> "Figure":
    """ROC curves and precision-recall curves, a line for each label."""
    figure, (left, right) = canvas(12, 4.8, panels=2)
    labels = list(dict.fromkeys(row["label"] for row in [*pr, *roc]))
    for axis, rows, x, y in ((left, roc, "fpr", "tpr"), (right, pr, "recall", "precision")):
        for k, name in enumerate(labels):
            points = [(row[x], row[y]) for row in rows if row["label"] == name]
            colour, dash = COLOURS[k % len(COLOURS)], DASHES[k // len(COLOURS) % len(DASHES)]
            axis.plot(*zip(*points, strict=True), dash, color=colour) if points else None
        axis.set(xlim=(0, 1), ylim=(0, 1.01))
        axis.grid(alpha=0.3)
    left.plot([0, 1], [0, 1], ":", color=COLOURS[7])
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    right.set(xlabel="recall", ylabel="precision", title="Precision-recall")
    _legend(right, labels)
    return figure


def data(
    labels: Sequence[str], counts: Mapping[str, Sequence[int]], lengths: Mapping[str, np.ndarray], unit: str
) -> "Figure":
    """Rows of each label by split, the most frequent on top, and how long the texts are."""
    from matplotlib.figure import Figure

    shown = min(len(labels), LISTED)
    tall = 0.8 + 0.3 * shown
    figure = Figure(figsize=(8, tall + 3.2), layout="constrained", dpi=120)
    top, below = figure.subplots(2, 1, height_ratios=[tall, 2.6])
    places = np.arange(shown)[::-1]
    for k, (split, rows) in enumerate(counts.items()):
        colour = SIDES[k % len(SIDES)]
        if k == 0:
            top.barh(places, rows[:shown], height=0.7, color=colour, label=split)
        else:
            top.plot(rows[:shown], places, "Do"[k % 2], color=colour, markersize=9 - 2.5 * min(k, 2), label=split)
    _histogram(below, lengths, unit)
    held = [n for rows in counts.values() for n in rows[:shown] if n]
    if held and max(held) > 50 * min(held):
        top.set_xscale("symlog", linthresh=1)  # unlike log it has a place for 0
    top.xaxis.set_major_formatter("{x:,.0f}")
    said = names(labels)
    top.set_yticks(places, [said[label] for label in labels[:shown]])
    rest = f" (the {shown} most frequent of {len(labels)})" if shown < len(labels) else ""
    top.set(
        xlim=(0, None),
        ylim=(-0.6, shown - 0.4),
        xlabel="rows" if top.get_xscale() == "linear" else "rows (log scale)",
        title=f"Rows of each label{rest}",
    )
    top.grid(axis="x", alpha=0.3)
    for axis in (top, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _histogram(axis: "Axes", lengths: Mapping[str, np.ndarray], unit: str) -> None:
    """Share of the rows of each split by length; the longest 1 % are counted in the last bin."""
    end = max((int(np.percentile(values, 99)) for values in lengths.values() if len(values)), default=1)
    step = max(1, -(-(end + 1) // 40))
    edges = np.arange(0, end + step + 1, step)
    for k, (split, values) in enumerate(lengths.items()):
        found = np.histogram(np.minimum(values, edges[-1]), edges)[0] / max(len(values), 1)
        dash = DASHES[max(k - 1, 0) % len(DASHES)]
        colour = SIDES[k % len(SIDES)]
        axis.stairs(100 * found, edges, fill=k == 0, linestyle=dash, linewidth=1.4, color=colour, label=split)
    axis.set(xlim=(0, edges[-1]), xlabel=unit, ylabel="% of rows", title=f"Length in {unit}")


def names(labels: Sequence[str]) -> dict[str, str]:
    """Each label as it stands in a plot: itself, or a number in brackets where no font here has its letters.

    Numbers count the labels in their order, so that every plot of the same labels has the same; `legend` says which.

    Example:
        >>> names(["good", "a very long label that goes on and on"])
        {'good': 'good', 'a very long label that goes on and on': 'a very long label that …'}
    """
    numbers = {label: k for k, label in enumerate(sorted(set(labels)), 1)}
    return {label: short(label) if drawable(label) else f"[{numbers[label]}]" for label in labels}


def legend(labels: Sequence[str]) -> str:
    """Which number in the plots stands for which label; empty where all labels can be drawn."""
    shown = names(sorted(set(labels)))
    pairs = [f"{name} {label}" for label, name in shown.items() if name.startswith("[") and not drawable(label)]
    return f"In the plots, for lack of a font: {', '.join(pairs)}." if pairs else ""


@cache
def drawable(label: str) -> bool:
    """Whether matplotlib's font, or one of this machine, has every letter of a label."""
    return _font_for(frozenset(label) - _letters(_own_font())) is not None


def _font_for(missing: frozenset[str]) -> str | None:
    """The name of a font that has all these letters; empty where none is missing, None where there is none."""
    from matplotlib.font_manager import fontManager

    if not missing:
        return ""
    fonts = sorted({(font.name, font.fname) for font in fontManager.ttflist if "resort" not in font.fname.casefold()})
    return next((name for name, path in fonts if missing <= _letters(path)), None)


def _own_font() -> str:
    from matplotlib.font_manager import findfont

    return str(findfont("DejaVu Sans"))


@cache
def _letters(path: str) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap())) | {"\n", "\u200d", "\u200c", "\ufe0f"}
    except (OSError, RuntimeError):  # a font that can't be read
        return frozenset()


def short(label: str, longest: int = 24) -> str:
    """A label that fits beside an axis, and that matplotlib does not read as mathematics.

    Example:
        >>> short("a very long label that goes on and on")
        'a very long label that …'
    """
    cut = label if len(label) <= longest else label[: longest - 1] + "…"
    return cut.replace("$", r"\$")


def _legend(axis: "Axes", labels: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=COLOURS[k % len(COLOURS)], linestyle=DASHES[k // len(COLOURS) % len(DASHES)])
        for k in range(len(labels))
    ]
    texts = list(names(labels).values())
    axis.legend(lines, texts, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _write_cells(axis: "Axes", shares: np.ndarray, counts: np.ndarray) -> None:
    roomy = len(shares) <= 6  # room for the count below the share
    for row, column in np.ndindex(*shares.shape):
        text = f"{shares[row, column]:.0f}" + (f"\n({counts[row, column]:.0f})" if roomy else "")
        colour = "white" if shares[row, column] > 55 else "black"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
