"""A missing header row: the first line is data, and would be lost as column names."""

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.guess.infer import Guess
from volant.sources.labels import read_labels


def check_names(table: pa.Table, guess: Guess, named: set[str], where: str) -> None:
    """Refuse a delimited file whose names of columns look like a row.

    Args:
        table: The file as read.
        guess: Which columns count.
        named: Columns that the user has named, which are names then.
        where: The file, for messages.

    Raises:
        VolantError: If the label's column has the name of one of its labels, or the text's is a whole sentence.
    """
    names = table.column_names
    if names == [str(i) for i in range(len(names))]:  # pandas numbers columns that have no name
        return
    if not guess.label_columns and guess.label not in named and _is_label(table, guess, where):
        told = f"column name '{guess.label}' equals a label value"
        option = f"--label '{guess.label}'"
    elif guess.text not in named and len(guess.text.split()) > 5 and not guess.text.endswith("?"):
        told = f"column name '{guess.text}' looks like a text"
        option = f"--text '{guess.text}'"
    else:
        return
    ours = {guess.text: "text", guess.label: "label"}
    header = ",".join(ours.get(name, f"column_{i}") for i, name in enumerate(names, 1))
    raise VolantError(
        f"{where}: is the header row missing? {told[0].upper()}{told[1:]}. "
        f"If so, name the columns in their order: --header {header}. If the name is right, confirm it: {option}."
    )


def _is_label(table: pa.Table, guess: Guess, where: str) -> bool:
    """Return whether a label of the column is its name, or a part of it."""
    name = pa.chunked_array([[guess.label]])
    cells = (read_labels(column, guess.kind, guess.separator, where) for column in (name, table[guess.label]))
    own, found = ({label for labels in rows for label in labels or ()} for rows in cells)
    return bool(own & found)
