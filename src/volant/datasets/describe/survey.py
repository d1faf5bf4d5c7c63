"""The survey of the data: counts, lengths, repeats, groups and examples, measured once for card and plot."""

# pyarrow.compute creates its functions at import, which a type checker doesn't see
# pyright: reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from volant.kinds import Kind

BATCH = 65_536  # rows turned into Python objects at once, so that millions of rows need little memory
SHOWN_LABELS = 10
SHOWN_TEXTS = 3


@dataclass(frozen=True)
class Conflict:
    """A text that occurs more than once with different labels, and these labels."""

    text: str
    answers: list[tuple[str, ...]]


@dataclass(frozen=True)
class Side:
    """The survey of one split of N rows.

    Attributes:
        rows: Number of rows, N.
        labels: Number of rows with each label.
        words: Number of words of each text, split at white space, (N,).
        characters: Number of characters of each text, (N,).
        labels_per_row: Number of labels of each row, (N,); None if the kind has exactly one.
        repeated: Number of rows that repeat the text of an earlier row.
        conflicts: Number of texts with different labels in different rows.
        conflict: The first of these texts by id.
    """

    rows: int
    labels: Counter[str]
    words: np.ndarray
    characters: np.ndarray
    labels_per_row: np.ndarray | None
    repeated: int
    conflicts: int
    conflict: Conflict | None


@dataclass(frozen=True)
class Group:
    """A column with repeated values.

    Attributes:
        column: Name of the column.
        values: Number of different values.
        largest: The most frequent value.
        largest_rows: Number of its rows.
        straddling: Number of values in several splits.
    """

    column: str
    values: int
    largest: str
    largest_rows: int
    straddling: int


@dataclass(frozen=True)
class Survey:
    """The content of the card and its plot; labels are sorted by their rows in train."""

    labels: list[str]
    sides: dict[str, Side]
    groups: list[Group]
    examples: dict[str, list[str]]


def survey(kind: Kind, splits: Mapping[str, pa.Table]) -> Survey:
    """Measure the splits; `train` is one of them."""
    sides = {name: _side(kind, table) for name, table in splits.items()}
    names = set(chain.from_iterable(side.labels for side in sides.values()))
    labels = sorted(names, key=lambda label: (-sides["train"].labels[label], label))
    counts = sides["train"].labels
    limits = {label: min(SHOWN_TEXTS, counts[label]) for label in labels[:SHOWN_LABELS] if counts[label]}
    own = {"id", "text", *kind.columns}
    columns = dict.fromkeys(chain.from_iterable(table.column_names for table in splits.values()))
    groups = [group for column in columns if column not in own and (group := _group(column, splits))]
    return Survey(labels, sides, groups, _examples(kind, splits["train"], limits))


def _side(kind: Kind, table: pa.Table) -> Side:
    counts: Counter[str] = Counter()
    for batch in _batches(table):
        counts.update(kind.count(kind.gold(batch)))
    target = table[kind.columns[-1]]
    labels_per_row = None
    if pa.types.is_list(target.type) or pa.types.is_large_list(target.type):
        labels_per_row = pc.fill_null(pc.list_value_length(target), 0).to_numpy()
    words, characters = _lengths(table["text"])
    return Side(table.num_rows, counts, words, characters, labels_per_row, *_repeats(kind, table))


def _lengths(texts: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of words and of characters of each text, (N,) each; white space alone is no word."""
    texts = pc.fill_null(texts, "")
    trimmed = pc.utf8_trim_whitespace(texts)
    words = pc.list_value_length(pc.utf8_split_whitespace(trimmed))
    return pc.if_else(pc.equal(trimmed, ""), 0, words).to_numpy(), pc.utf8_length(texts).to_numpy()


def _repeats(kind: Kind, table: pa.Table) -> tuple[int, int, Conflict | None]:
    """Return the number of rows that repeat a text, the number of texts with different labels, and the first by id."""
    by_text = table.select(["text"]).group_by("text", use_threads=False).aggregate([([], "count_all")])
    repeated = by_text.filter(pc.greater(by_text["count_all"], 1))
    rows = table.select(["id", "text", *kind.columns])
    rows = rows.filter(pc.is_in(rows["text"], value_set=repeated["text"])).sort_by("id")
    answers: dict[str, list[tuple[str, ...]]] = {}
    for batch in _batches(rows):
        for text, gold in zip(batch["text"].to_pylist(), kind.gold(batch), strict=True):
            text_answers = answers.setdefault(text, [])
            answer = tuple(sorted(kind.count([gold])))
            if answer not in text_answers:
                text_answers.append(answer)
    conflicts = [Conflict(text, text_answers) for text, text_answers in answers.items() if len(text_answers) > 1]
    return table.num_rows - by_text.num_rows, len(conflicts), conflicts[0] if conflicts else None


def _group(column: str, splits: Mapping[str, pa.Table]) -> Group | None:
    """Return the survey of a column of the source; None if none of its values repeats."""
    parts = [table[column] for table in splits.values() if column in table.column_names]
    if any(pa.types.is_nested(part.type) for part in parts):
        return None
    filled = [part.filter(pc.fill_null(pc.not_equal(part, ""), False)) for part in _strings(parts)]
    counts = {value["values"]: value["counts"] for value in _counts(filled)}
    if not counts or max(counts.values()) == 1:
        return None
    sides = _counts([pc.unique(part) for part in filled])
    largest = min(counts, key=lambda value: (-counts[value], value))
    straddling = sum(value["counts"] > 1 for value in sides)
    return Group(column, len(counts), largest, counts[largest], straddling)


def _strings(parts: Sequence[pa.ChunkedArray]) -> list[pa.ChunkedArray]:
    return [part.cast(pa.string()) for part in parts]


def _counts(parts: Sequence[pa.ChunkedArray | pa.Array]) -> list[dict]:
    chunks = []
    for part in parts:
        chunks += part.chunks if isinstance(part, pa.ChunkedArray) else [part]
    return pc.value_counts(pa.chunked_array(chunks, pa.string())).to_pylist()


def _examples(kind: Kind, table: pa.Table, limits: Mapping[str, int]) -> dict[str, list[str]]:
    """Return the first texts of each label by id, without repeats."""
    examples: dict[str, list[str]] = {label: [] for label in limits}
    columns = table.select(["id", "text", *kind.columns])
    order = pc.sort_indices(table["id"])
    for start in range(0, table.num_rows, BATCH):
        batch = columns.take(order.slice(start, BATCH))
        for text, gold in zip(batch["text"].to_pylist(), kind.gold(batch), strict=True):
            for label in kind.count([gold]):
                if label in limits and len(examples[label]) < limits[label] and text not in examples[label]:
                    examples[label].append(text)
        if all(len(examples[label]) == limit for label, limit in limits.items()):
            break
    return examples


def _batches(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, BATCH) for start in range(0, table.num_rows, BATCH))
