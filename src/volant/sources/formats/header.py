"""Tables without a header row: Amazon Comprehend's `label,text`, or columns as the user names them.

Source: https://docs.aws.amazon.com/comprehend/latest/dg/prep-class-data-multi.html
"""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import BinaryIO

from volant.sources.formats.delimited import records
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.sniff import TEXT_NAMES, decompressed

COMPREHEND = "Amazon Comprehend's CSV (label,text without a header)"
LABEL_NAMES = {
    "label", "labels", "class", "classes", "category", "categories", "sentiment", "target", "intent", "topic", "tag",
}  # fmt: skip
SIGNS = "|;,#"
SAMPLE = 500


def first_rows(raw: BinaryIO, name: str, form: Format, most: int = SAMPLE) -> list[list[str]]:
    """The first rows of a delimited file as they stand; rewinds `raw`."""
    lines = read_lines(decompressed(raw), name, form)
    rows = [row for _, row in islice(records(lines, name, form.delimiter or ",", form), most)]
    raw.seek(0)
    return rows


def without_names(
    raw: BinaryIO, name: str, form: Format, labels: Collection[str], columns: Collection[str]
) -> list[str] | None:
    """`label` and the name of the text's column, where a file begins with a row of them; None: it has a header row.

    Args:
        raw: Seekable bytes; rewound.
        name: Of the file, for messages.
        form: How it is written.
        labels: Those that the flywheel knows.
        columns: Names of the column that holds the text; the first is given to it.
    """
    if form.header:
        return None
    rows = first_rows(raw, name, form)
    return ["label", next(iter(columns))] if is_comprehend(rows, SIGNS, labels, columns) else None


def is_comprehend(
    rows: Sequence[Sequence[str]], signs: Sequence[str], labels: Collection[str], names: Collection[str]
) -> bool:
    """Return whether all rows have two cells, and the first begins with a label, not with a column name.

    Args:
        rows: The first of the file.
        signs: What may stand between the labels of a cell.
        labels: Those that the flywheel knows.
        names: Of columns, beside the usual ones.
    """
    if not rows or any(len(row) != 2 for row in rows):
        return False
    first, *rest = [_parts(row[0], signs) for row in rows]
    said = {cell.strip().casefold() for cell in rows[0]}
    if said & {name.casefold() for name in names}:
        return False
    if first & set(labels):
        return True
    if said & (TEXT_NAMES | LABEL_NAMES):
        return False
    fewer = len(first.union(*rest)) < len({row[1] for row in rows})
    return fewer and any(first & other for other in rest)  # a label comes again, the name of a column doesn't


def _parts(cell: str, signs: Sequence[str]) -> set[str]:
    for sign in signs:
        cell = cell.replace(sign, "\0")
    return {part.strip() for part in cell.split("\0") if part.strip()}
