"""States of annotation beside a label: rows that annotators rejected or skipped have no gold label.

Sources: https://prodi.gy/docs/api-interfaces (answer), https://docs.argilla.io (status),
https://labelstud.io/guide/export (was_cancelled)
"""

import re
from collections import Counter
from collections.abc import Collection

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.labels import values_of

PRODIGY = {"accept", "reject", "ignore"}
GOOD = {
    "accept", "accepted", "approve", "approved", "submitted", "completed", "complete", "done", "finished", "valid",
    "verified", "confirmed", "reviewed", "labeled", "labelled", "annotated",
}  # fmt: skip
BAD = {
    "reject", "rejected", "ignore", "ignored", "discard", "discarded", "skip", "skipped", "cancel", "cancelled",
    "canceled", "invalid", "draft", "pending", "declined", "deleted", "failed", "flagged", "unlabeled", "unlabelled",
    "todo", "in_progress", "in progress", "unannotated", "disapproved",
}  # fmt: skip
NAMES = {"answer", "status", "state", "decision", "review", "verdict", "response", "responses", "annotation"}
REFUSED = {"cancelled", "canceled", "skipped", "discarded", "rejected", "ignored", "deleted", "invalid"}
ACCEPTED = {"valid", "approved", "verified", "confirmed", "accepted", "reviewed"}
YES = {"true", "1", "yes"}
NO = {"false", "0", "no"}


def require_answered(table: pa.Table, answered: Collection[str], where: str) -> None:
    """Refuse a table with a column of states that config doesn't mention.

    Args:
        table: Columns as the file has them.
        answered: Columns with another role: text, label, those of `columns.where`.
        where: Name of the file for messages.

    Raises:
        VolantError: If rows were rejected, skipped or not finished by a column; the message has the line to add.
    """
    for name, counts in states(table).items():
        if name in answered:
            continue
        accepted = [value for value in counts if not _is_bad(name, value)]
        listed = ", ".join(f"{value} ({count})" for value, count in sorted(counts.items()))
        values = ",".join(accepted) or "VALUE"
        setting = accepted[0] if len(accepted) == 1 else f"[{', '.join(accepted)}]"
        setting = f'"{setting}"' if setting in YES | NO else setting
        raise VolantError(
            f"{where}: column '{name}' holds the state of each annotation: {listed}. A row that was not accepted has "
            f"no label. Keep the others: `where: {{{name}: {setting}}}` under `columns` (--where {name}={values}). "
            f"To keep all rows: --where {name}={','.join(sorted(counts))}."
        )


def states(table: pa.Table) -> dict[str, Counter[str]]:
    """Return the columns of states in which some row was not accepted, with the number of rows of each value."""
    result = {}
    for name in table.column_names:
        kind = table.schema.field(name).type
        inner = kind.value_type if pa.types.is_list(kind) else kind
        text = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_boolean(inner)
        flag = pa.types.is_integer(inner) and bool(_words(name) & (REFUSED | ACCEPTED))
        counts = _counts(table[name]) if text or flag else Counter()
        if counts and _are_states(name, counts) and any(_is_bad(name, value) for value in counts):
            result[name] = counts
    return result


def _counts(column: pa.ChunkedArray) -> Counter[str]:
    """Return the number of rows of each value; empty if there are too many values for states."""
    counts: Counter[str] = Counter()
    for cell in column.to_pylist():
        counts.update(value for value in values_of(cell) if value)
        if len(counts) > len(GOOD | BAD):
            return Counter()
    return counts


def _are_states(name: str, counts: Counter[str]) -> bool:
    values = {value.casefold() for value in counts}
    if values <= PRODIGY:
        return True
    if values <= YES | NO:
        return bool(_words(name) & (REFUSED | ACCEPTED))
    return values <= GOOD | BAD and bool(_words(name) & NAMES)


def _is_bad(name: str, value: str) -> bool:
    value = value.casefold()
    if value in YES | NO:
        return value in (YES if _words(name) & REFUSED else NO)
    return value in BAD


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.casefold()))
