"""HTML of the web UI: external text is escaped here, and is never Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


def note(text: str, good: bool = True) -> str:
    """Return a message as HTML that a screen reader announces.

    Example:
        >>> note("<b>", good=False)
        '<p class="note bad" role="alert">&lt;b&gt;</p>'
    """
    return (
        f'<p class="note good" role="status">{_(text)}</p>'
        if good
        else f'<p class="note bad" role="alert">{_(text)}</p>'
    )


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "Nothing yet.") -> str:
    """Return an HTML table that scrolls if it is wider than the page.

    Args:
        caption: Caption.
        heads: Header row.
        rows: Cells, row by row.
        empty: Text instead of a table without rows.

    Example:
        >>> "<td>&lt;i&gt;</td>" in table("t", ["a"], [["<i>"]])
        True
    """
    body = "".join(map(_row, rows))
    if not body:
        return f"<p>{_(empty)}</p>"
    head = "".join(f'<th scope="col">{_(name)}</th>' for name in heads)
    inner = f"<caption>{_(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide" role="region" aria-label="{_(caption)}" tabindex="0"><table>{inner}</table></div>'


def _row(cells: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<td>{_(cell)}</td>' for cell in cells)}</tr>"


def bars(scores: Mapping[str, float], labels: Sequence[str], chosen: Sequence[str]) -> str:
    """Return labels with their scores as bars, each in its colour.

    Args:
        scores: Scores, the highest first.
        labels: All labels of the model: a label has the same colour in every answer.
        chosen: Predicted labels.
    """
    order = {label: number for number, label in enumerate(labels)}
    lines = []
    for label, score in scores.items():
        percent = f"{100 * score:.1f}"
        colour = f"c{order.get(label, 0) % 8}"
        name = f"<strong>{_(label)}</strong>" if label in chosen else _(label)
        bar = f'<span class="bar" aria-hidden="true"><span class="{colour}" style="width:{percent}%"></span></span>'
        lines.append(f'<li><span class="name">{name}</span>{bar}<span class="percent">{percent} %</span></li>')
    return f'<ul class="bars">{"".join(lines)}</ul>'


def number(value: float | None) -> str:
    """Return a number as tables show it.

    Example:
        >>> number(0.84321), number(None)
        ('0.8432', '')
    """
    return "" if value is None else f"{value:.4f}"


def _(value: Any) -> str:
    return escape("" if value is None else str(value))
