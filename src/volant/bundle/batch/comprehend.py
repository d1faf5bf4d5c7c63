"""Predicted spans as the output lines of an Amazon Comprehend job of entities.

Source: https://docs.aws.amazon.com/comprehend/latest/dg/how-entities.html
"""

from collections.abc import Callable
from typing import Any

from volant.errors import VolantError
from volant.kinds import Kind

Row = dict[str, Any]


def comprehend_lines(kind: Kind, file: str) -> Callable[[Row], Row]:
    """Return a function that turns the answer to a document into a line of Comprehend's output.

    Args:
        kind: Kind of the bundle.
        file: Name of the input file.

    Raises:
        VolantError: If the kind predicts no spans.

    Example:
        >>> from volant.kinds import kind_of_row
        >>> span = {"start": 3, "end": 7, "label": "city", "score": 0.9}
        >>> comprehend_lines(kind_of_row(["spans"]), "a.txt")({"line": 1, "text": "In Oslo", "spans": [span]})
        {'Entities': [{'BeginOffset': 3, 'EndOffset': 7, 'Score': 0.9, 'Text': 'Oslo', 'Type': 'city'}],
         'File': 'a.txt', 'Line': 0}
    """
    if "spans" not in kind.columns:
        raise VolantError(f"Kind '{kind.name}' predicts no spans, which --comprehend writes. Omit --comprehend.")

    def line(row: Row) -> Row:
        place = {"File": file, "Line": row["line"] - 1}  # Comprehend counts from 0
        if "error" in row:
            return {"ErrorCode": "INVALID_REQUEST", "ErrorMessage": row["error"], **place}
        return {"Entities": [_entity(span, row["text"]) for span in row["spans"]], **place}

    return line


def _entity(span: Row, text: str) -> Row:
    return {
        "BeginOffset": span["start"],
        "EndOffset": span["end"],
        "Score": span["score"],
        "Text": text[span["start"] : span["end"]],
        "Type": span["label"],
    }
