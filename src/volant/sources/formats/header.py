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
    """Return the first rows of a delimited file, unchanged; rewind `raw`.

    Args:
        raw: Seekable bytes.
        name: Name of the file for messages.
        form: Its format.
        most: Number of rows.
    """
    lines = read_lines(decompressed(raw), name, form)
    rows = [row for _, row in islice(records(lines, name, form.delimiter or ",", form), most)]
    raw.seek(0)
    return rows


def missing_header(
    raw: BinaryIO, name: str, form: Format, labels: Collection[str], columns: Collection[str]
) -> list[str] | None:
    """Return `label` and the name of the text's column for a file without header row; None if it has one.

    Args:
        raw: Seekable bytes; rewound.
        name: Name of the file for messages.
        form: Its format.
        labels: Labels of the flywheel.
        columns: Names of the column of the text; the file gets the first.
    """
    if form.header:
        return None
    rows = first_rows(raw, name, form)
    return ["label", next(iter(columns))] if is_comprehend(rows, SIGNS, labels, columns) else None


def is_comprehend(
    rows: Sequence[Sequence[str]], signs: Sequence[str], labels: Collection[str], names: Collection[str]
) -> bool:
    """Return True if all rows have two cells, and the first row begins with a label instead of a column name.

    Args:
        rows: First rows of the file.
        signs: Possible separators of the labels in a cell.
        labels: Labels of the flywheel.
        names: Names of columns, beside the usual ones.
    """
    if not rows or any(len(row) != 2 for row in rows):
        return False
    first, *rest = [_parts(row[0], signs) for row in rows]
    cells = {cell.strip().casefold() for cell in rows[0]}
    if cells & {name.casefold() for name in names}:
        return False
    if first & set(labels):
        return True
    if cells & (TEXT_NAMES | LABEL_NAMES):
        return False
    fewer = len(first.union(*rest)) < len({row[1] for row in rows})
    return fewer and any(first & other for other in rest)  # a label is repeated, the name of a column is not


def _parts(cell: str, signs: Sequence[str]) -> set[str]:
    for sign in signs:
        cell = cell.replace(sign, "\0")
    return {part.strip() for part in cell.split("\0") if part.strip()}
