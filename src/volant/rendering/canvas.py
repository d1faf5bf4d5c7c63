"""Plots as PNG files: reproducible byte for byte, and readable with 28 labels and with colour blindness."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from volant.workspace.files import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Okabe & Ito 2008, https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
DASHES = ("-", "--", ":", "-.")


def canvas(width: float, height: float, panels: int = 1) -> tuple["Figure", list["Axes"]]:
    """Return a figure and its panels side by side, without a window and without global state.

    Args:
        width: Width in inches.
        height: Height in inches.
        panels: Number of panels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    axes = [figure.add_subplot(1, panels, k + 1) for k in range(panels)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, atomically, and without the software's version in its bytes."""
    _choose_fonts(figure)
    with whole(path) as part:
        figure.savefig(part, format="png", metadata={"Software": None})


def _choose_fonts(figure: "Figure") -> None:
    """Set a font of this machine for each text with characters that matplotlib's own font lacks."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        missing = frozenset(text.get_text()) - _letters(_own_font())  # type: ignore[union-attr]
        if missing and (font := _font_for(missing)):
            text.set_fontfamily(["DejaVu Sans", font])  # type: ignore[union-attr]


def names(labels: Sequence[str]) -> dict[str, str]:
    """Return the name of each label in plots: the label, or a number in brackets if no font has its characters.

    Labels are numbered in sorted order, so that all plots of the same labels agree; `legend` explains the numbers.

    Example:
        >>> names(["good", "a very long label that goes on and on"])
        {'good': 'good', 'a very long label that goes on and on': 'a very long label that …'}
    """
    numbers = {label: k for k, label in enumerate(sorted(set(labels)), 1)}
    return {label: short(label) if drawable(label) else f"[{numbers[label]}]" for label in labels}


def legend(labels: Sequence[str]) -> str:
    """Return the meaning of the numbers in plots; empty if all labels can be drawn."""
    shown = names(sorted(set(labels)))
    pairs = [f"{name} {label}" for label, name in shown.items() if name.startswith("[") and not drawable(label)]
    return f"In the plots, as no font has their characters: {', '.join(pairs)}." if pairs else ""


@cache
def drawable(label: str) -> bool:
    """Return True if matplotlib's font, or one of this machine, has every character of a label."""
    return _font_for(frozenset(label) - _letters(_own_font())) is not None


def _font_for(missing: frozenset[str]) -> str | None:
    """Return the name of a font with all these characters; empty if there are none, None if no font has them."""
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
    """Return a label that fits beside an axis, and that matplotlib doesn't parse as mathematics.

    Args:
        label: The label.
        longest: Maximum number of characters.

    Example:
        >>> short("a very long label that goes on and on")
        'a very long label that …'
    """
    cut = label if len(label) <= longest else label[: longest - 1] + "…"
    return cut.replace("$", r"\$")
