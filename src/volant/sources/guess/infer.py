"""The text column and the label column: inferred if they are clear, else an error asks for them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeGuard

import numpy as np
import pyarrow as pa

from volant.errors import VolantError
from volant.kinds import kind_of_labels, kind_of_row
from volant.sources.formats.header import LABEL_NAMES, SIGNS
from volant.sources.formats.sniff import TEXT_NAMES
from volant.sources.guess.cells import Cell, Cells, cells_of
from volant.sources.guess.parts import part_targets
from volant.sources.labels import read_indicators
from volant.sources.mapping import pick
from volant.sources.states import states

SAMPLE = 20000
SEPARATORS = SIGNS  # doccano writes #
TEXT = TEXT_NAMES
LABEL = LABEL_NAMES
GROUP = {"group", "user", "author", "customer", "movie", "film", "product", "document", "session", "speaker"}


@dataclass(frozen=True, slots=True)
class Guess:
    """The roles of the columns of a file.

    Attributes:
        text: Column of the text.
        label: Column of the label.
        kind: Name of the kind.
        separator: Separator of the labels in one cell; None for one label, or lists (also as text).
        group: Column whose rows belong together, so that a split should not separate them.
        id: Column with the id of each row.
        label_columns: Columns of 0 and 1, one for each label; `label` then has all their names.
        spans: Column of the spans, where a text has a label as well; alone, spans are the `label`.
    """

    text: str
    label: str
    kind: str
    separator: str | None = None
    group: str | None = None
    id: str | None = None
    label_columns: tuple[str, ...] = ()
    spans: str | None = None


def infer(table: pa.Table, text: str | None, label: str | None, separator: str | None, where: str) -> Guess:
    """Infer the roles of a table's columns, as far as the user hasn't given them.

    Args:
        table: Table of the file.
        text: Column of the text, if the user gave one.
        label: Column of the label, or several of 0 and 1 separated by commas, if the user gave them.
        separator: Separator of the labels in one cell, if the user gave one.
        where: Name of the file for messages.

    Raises:
        VolantError: If a given column is missing, or several columns are possible, which the message lists.
    """
    marks = _marks(table, label)
    for column in filter(None, (text, *(marks or [label]))):
        pick(table, column, where)
    if not table.num_rows:
        raise VolantError(f"{where}: no rows, only a header row: {', '.join(table.column_names)}. Add labelled rows.")
    parts = part_targets(table)
    if parts and label in (None, *parts.values()):
        return _of_parts(table, parts, text, where)
    # Evenly over the file: the first rows of a sorted file may have one class only.
    rows = np.linspace(0, table.num_rows - 1, min(SAMPLE, table.num_rows)).astype(int)
    cells = cells_of(table.take(rows), {text, label, *marks})
    if len(cells) < 2:
        columns = ", ".join(f"{name} ({table[name].type})" for name in table.column_names)
        raise VolantError(f"{where}: a column of the text and one of the label are required. Its columns: {columns}.")
    text = text or _text_column({n: c for n, c in cells.items() if n not in (label, *marks)}, where)
    others = {name: values for name, values in cells.items() if name not in (text, *marks)}
    if marks:
        several = kind_of_labels(exclusive=False)
        rows_labels = read_indicators({name: table[name] for name in marks}, several, where)
        kind = kind_of_labels(exclusive=all(len(labels or ()) == 1 for labels in rows_labels))
        return Guess(text, ", ".join(marks), kind, None, _group_column(others), _id_column(others, table), marks)
    label = label or _label_column(_undecided(others, table), separator, where)
    sign = separator or separator_of(cells[label])
    kind = kind_of_labels(exclusive=not (sign or _hold_several(table, label, cells)))
    remaining = {name: values for name, values in others.items() if name != label}
    return Guess(text, label, kind, sign, _group_column(remaining), _id_column(remaining, table))


def _of_parts(table: pa.Table, parts: Mapping[str, str], text: str | None, where: str) -> Guess:
    """Return the roles of columns whose gold is parts of the text: spans, spans beside a label, or facts."""
    kind = kind_of_row(list(parts))
    cells = cells_of(table.select([name for name in table.column_names if name not in parts.values()]), {text})
    text = text or ("text" if "text" in cells else _text_column(cells, where))
    others = {name: values for name, values in cells.items() if name != text}
    spans = parts["spans"] if len(parts) > 1 else None
    label = parts[kind.columns[0]]
    return Guess(text, label, kind.name, None, _group_column(others), _id_column(others, table), spans=spans)


def _marks(table: pa.Table, label: str | None) -> tuple[str, ...]:
    """Return the columns of 0 and 1 of `a,b,c`; none if it is one column."""
    if not label or label in table.column_names or "," not in label:
        return ()
    return tuple(name.strip() for name in label.split(",") if name.strip())


def _undecided(cells: Cells, table: pa.Table) -> Cells:
    """Return the columns that may contain a label: states of annotation only if there is nothing else."""
    answers = states(table)
    return {name: values for name, values in cells.items() if name not in answers} or cells


def _hold_several(table: pa.Table, label: str, cells: Cells) -> bool:
    """Return whether the label's cells are lists that don't all hold one label."""
    if not any(isinstance(cell, tuple) for cell in cells[label]):
        return False
    every = cells_of(table.select([label]), {label})[label]  # one row of a million may have a list of two
    return any(len(cell) != 1 for cell in every if isinstance(cell, tuple))


def separator_of(cells: Iterable[object]) -> str | None:
    """Return the separator of several labels in a cell, if many cells have it and the parts recur; else None.

    Example:
        >>> separator_of(["joy", "joy|fear", "fear", "anger|joy", "anger"])
        '|'
        >>> separator_of(["Sports, outdoors", "Garden", "Sports, outdoors"]) is None
        True
    """
    texts = [cell for cell in cells if isinstance(cell, str)]
    for sign in SEPARATORS:
        parts = set(chain.from_iterable(_parts(text, sign) for text in texts))
        many = sum(sign in text for text in texts) >= 0.05 * len(texts)
        alone = {text.strip() for text in texts if sign not in text}
        if many and any(sign in text for text in texts) and parts & alone and len(parts) < len(set(texts)):
            return sign
    return None


def _text_column(cells: Cells, where: str) -> str:
    """Return the column with the longest texts; its name decides between several of about the same length.

    Raises:
        VolantError: If there is none, or several are possible.
    """
    texts = {name: list(filter(_is_text, values)) for name, values in cells.items()}
    prose = {n: v for n, v in texts.items() if v and len(set(v)) * 2 > len(v) and _is_prose(v)}
    lengths = {n: sum(map(len, v)) / len(v) for n, v in (prose or texts).items() if v}
    if not lengths:
        raise VolantError(f"{where}: no column holds text. Its columns: {', '.join(cells)}. Choose with --text.")
    near = [n for n, length in lengths.items() if length * 2 > max(lengths.values())]
    candidates = near if len(near) == 1 else [n for n in near if _has_hint(n, TEXT)]
    if len(candidates) != 1:
        options = ", ".join(f"{n} ({lengths[n]:.0f} characters on average)" for n in near)
        raise VolantError(f"{where}: which column is the text? Choose with --text: {options}.")
    return candidates[0]


def _is_prose(values: Sequence[str]) -> bool:
    """Return True if most values have several words, or are in a script without spaces."""
    words = sum(" " in v.strip() or not v.isascii() for v in values)
    return words * 2 > len(values) and not values[0].startswith(("http://", "https://"))


def _label_column(cells: Cells, separator: str | None, where: str) -> str:
    """Return the column with few values that recur; its name decides between several.

    Raises:
        VolantError: If there is none, or several are possible.
    """
    values = {name: _values(column, separator) for name, column in cells.items()}
    possible = {n: counts for n, counts in values.items() if _could_be_labels(counts)}
    by_name = [n for n in possible if _has_hint(n, LABEL)]
    exact = [n for n in by_name if n.lower() in ("label", "labels")]
    candidates = next((pool for pool in (exact, by_name) if pool), list(possible))
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        counted = ", ".join(f"{n} ({len(counts)} values)" for n, counts in values.items())
        raise VolantError(
            f"{where}: no column looks like a label: few values, each in several rows. Choose with --label: {counted}."
        )
    options = ", ".join(f"{n} ({len(possible[n])} values: {', '.join(sorted(possible[n])[:4])})" for n in candidates)
    marks = [n for n in candidates if set(possible[n]) <= {"0", "1"}]
    several = f" If each is a label that applies if it is 1: --label {','.join(marks)}." if len(marks) > 1 else ""
    raise VolantError(f"{where}: which column is the label? Choose with --label: {options}.{several}")


def _values(column: Iterable[Cell], separator: str | None) -> Counter[str]:
    column = list(column)
    sign = separator or separator_of(column)
    return Counter(chain.from_iterable(_parts(cell, sign) for cell in column))


def _parts(cell: Cell, sign: str | None) -> list[str]:
    """Return the labels of a cell, a text or a list, without empty ones."""
    parts: Sequence[str] = cell or ()
    if isinstance(cell, str):
        parts = cell.split(sign) if sign else [cell]
    return [part.strip() for part in parts if part.strip()]


def _is_text(cell: Cell) -> TypeGuard[str]:
    return isinstance(cell, str)


def _could_be_labels(counts: Counter[str]) -> bool:
    """Return True for at least two values, each short, and twice as many cells as values."""
    return 2 <= len(counts) <= min(500, counts.total() / 2) and max(map(len, counts)) <= 80


def _has_hint(name: str, hints: set[str]) -> bool:
    return any({word, word.removesuffix("s")} & hints for word in re.split(r"[^a-z]+", name.lower()))


def _group_column(cells: Cells) -> str | None:
    """Return the column with a typical name of a group, and many small groups; None if there is none."""
    for name, values in cells.items():
        counts = Counter(values)
        small = counts and max(counts.values()) <= 0.2 * len(values)
        if _has_hint(name, GROUP) and small and 20 <= len(counts) < 0.9 * len(values):
            return name
    return None


def _id_column(cells: Cells, table: pa.Table) -> str | None:
    for name, values in cells.items():
        called = re.fullmatch(r"(.*_)?(id|uuid|guid)", name.lower())
        if called and all(values) and len(set(values)) == len(values) and len(table[name].unique()) == len(table):
            return name
    return None
