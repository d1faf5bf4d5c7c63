"""A missing header row: the first line is data, and would be lost as column names."""

from itertools import chain

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.guess.infer import Guess
from volant.sources.labels import read_labels


def check_names(table: pa.Table, guess: Guess, confirmed: set[str], where: str) -> None:
    """Refuse a delimited file whose column names look like a row.

    Args:
        table: Table of the file.
        guess: Roles of its columns.
        confirmed: Column names that the user has confirmed.
        where: Name of the file for messages.

    Raises:
        VolantError: If the name of the label's column is one of its labels, or that of the text's a whole sentence.
    """
    names = table.column_names
    if names == [str(i) for i in range(len(names))]:  # pandas numbers columns without a name
        return
    if not guess.label_columns and guess.label not in confirmed and _is_label(table, guess, where):
        problem = f"column name '{guess.label}' equals a label value"
        option = f"--label '{guess.label}'"
    elif guess.text not in confirmed and len(guess.text.split()) > 5 and not guess.text.endswith("?"):
        problem = f"column name '{guess.text}' looks like a text"
        option = f"--text '{guess.text}'"
    else:
        return
    roles = {guess.text: "text", guess.label: "label"}
    header = ",".join(roles.get(name, f"column_{i}") for i, name in enumerate(names, 1))
    raise VolantError(
        f"{where}: is the header row missing? {problem[0].upper()}{problem[1:]}. "
        f"If so, name the columns in their order: --header {header}. If the name is right, confirm it: {option}."
    )


def _is_label(table: pa.Table, guess: Guess, where: str) -> bool:
    """Return True if a label of the column is its name, or a part of it."""
    name = pa.chunked_array([[guess.label]])
    own, labels = (_labels(column, guess, where) for column in (name, table[guess.label]))
    return bool(own & labels)


def _labels(column: pa.ChunkedArray, guess: Guess, where: str) -> set[str]:
    rows = read_labels(column, guess.kind, guess.separator, where)
    return set(chain.from_iterable(row or () for row in rows))
