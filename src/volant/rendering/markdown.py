"""Markdown tables, in which texts of the data are escaped."""

from collections.abc import Iterable, Sequence

from volant.kinds.record import NOTHING

LONGEST = 280  # maximum characters of a text in a table


def table(head: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    r"""Return a Markdown table.

    Args:
        head: Header row.
        rows: Cells, row by row.
        left: Number of columns that are aligned left; the others are aligned right.

    Example:
        >>> print(table(["label", "f1"], [["a|b", 0.5]]))
        | label | f1 |
        | :-- | --: |
        | a\|b | 0.500 |
    """
    marks = [":--" if k < left else "--:" for k in range(len(head))]
    lines = [list(head), marks]
    for row in rows:
        lines.append([cell(value) for value in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def words(value: object) -> str:
    """Return the value of a cell as one text: the items of a list, or the values of an object, such as a span.

    Example:
        >>> words(["joy", "love"]), words([]), words([{"start": 3, "end": 7, "label": "city"}])
        ('joy, love', '(none)', '3 7 city')
    """
    if isinstance(value, list):
        return ", ".join(map(words, value)) or NOTHING
    return " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def cell(value: object) -> str:
    r"""Return a value as a table cell: on one line, escaped, and shortened.

    Example:
        >>> print(cell("two\nlines | <b>"), cell(0.12345), cell(["joy", "love"]), cell(None))
        two lines \| &lt;b&gt; 0.123 joy, love –
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    text = " ".join(words(value).split())
    text = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    for mark, shown in (
        ("\\", "\\\\"),
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("`", "\\`"),
    ):
        text = text.replace(mark, shown)
    return text.replace("*", "\\*").replace("_", "\\_")
