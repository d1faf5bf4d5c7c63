"""Markdown tables of values that may be anything: texts of the data are shown, never interpreted."""

from collections.abc import Iterable, Sequence

NOTHING = "(none)"  # no label at all; in a confusion: missed with none in its stead, or said where none holds
LONGEST = 280  # characters of a text that a table shows


def table(head: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> str:
    r"""A Markdown table: the first `left` columns are aligned left, the others right.

    Example:
        >>> print(table(["label", "f1"], [["a|b", 0.5]]))
        | label | f1 |
        | :-- | --: |
        | a\|b | 0.500 |
    """
    marks = [":--" if k < left else "--:" for k in range(len(head))]
    lines = [list(head), marks, *([cell(value) for value in row] for row in rows)]
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
    r"""A value as it stands in a table: no line ends, no bars, no markup, not too long.

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
