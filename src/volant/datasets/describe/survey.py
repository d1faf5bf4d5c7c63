"""The survey of the data: counts, lengths, repeats, groups and examples, measured once for card and plot."""

# pyarrow.compute makes its functions at import, unseen by a type checker
# pyright: reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
        rows: N.
        labels: Rows that hold each label.
        words: Words of each text, split at white space, (N,).
        characters: Characters of each text, (N,).
        held: Labels of each row, (N,); none where a kind has exactly one.
        repeated: Rows whose text is that of another row before it.
        conflicts: How many texts have different labels in different rows.
        conflict: The first of these by id.
    """

    rows: int
    labels: Counter[str]
    words: np.ndarray
    characters: np.ndarray
    held: np.ndarray | None
    repeated: int
    conflicts: int
    conflict: Conflict | None


@dataclass(frozen=True)
class Group:
    """A column with repeated values: how many, the most frequent, and how many stand in several splits."""

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
    known = {label for side in sides.values() for label in side.labels}
    labels = sorted(known, key=lambda label: (-sides["train"].labels[label], label))
    counts = sides["train"].labels
    shown = {label: min(SHOWN_TEXTS, counts[label]) for label in labels[:SHOWN_LABELS] if counts[label]}
    own = {"id", "text", kind.column}
    columns = dict.fromkeys(name for table in splits.values() for name in table.column_names)
    groups = [group for column in columns if column not in own and (group := _group(column, splits))]
    return Survey(labels, sides, groups, _examples(kind, splits["train"], shown))


def _side(kind: Kind, table: pa.Table) -> Side:
    counts: Counter[str] = Counter()
    for batch in _batches(table):
        counts.update(kind.count(kind.gold(batch)))
    target = table[kind.column]
    held = None
    if pa.types.is_list(target.type) or pa.types.is_large_list(target.type):
        held = pc.fill_null(pc.list_value_length(target), 0).to_numpy()
    words, characters = _lengths(table["text"])
    return Side(table.num_rows, counts, words, characters, held, *_repeats(kind, table))


def _lengths(texts: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Words and characters of each text; white space alone is no word."""
    texts = pc.fill_null(texts, "")
    trimmed = pc.utf8_trim_whitespace(texts)
    words = pc.list_value_length(pc.utf8_split_whitespace(trimmed))
    return pc.if_else(pc.equal(trimmed, ""), 0, words).to_numpy(), pc.utf8_length(texts).to_numpy()


def _repeats(kind: Kind, table: pa.Table) -> tuple[int, int, Conflict | None]:
    """Rows that repeat a text, texts with different labels, and the first of these by id."""
    found = table.select(["text"]).group_by("text", use_threads=False).aggregate([([], "count_all")])
    often = found.filter(pc.greater(found["count_all"], 1))
    again = table.select(["id", "text", kind.column])
    again = again.filter(pc.is_in(again["text"], value_set=often["text"])).sort_by("id")
    answers: dict[str, list[tuple[str, ...]]] = {}
    for batch in _batches(again):
        for text, gold in zip(batch["text"].to_pylist(), kind.gold(batch), strict=True):
            seen = answers.setdefault(text, [])
            answer = tuple(sorted(kind.count([gold])))
            if answer not in seen:
                seen.append(answer)
    conflicts = [Conflict(text, seen) for text, seen in answers.items() if len(seen) > 1]
    return table.num_rows - found.num_rows, len(conflicts), conflicts[0] if conflicts else None


def _group(column: str, splits: Mapping[str, pa.Table]) -> Group | None:
    """Return the survey of a column of the source; None where no value of it repeats."""
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
    chunks = [chunk for p in parts for chunk in (p.chunks if isinstance(p, pa.ChunkedArray) else [p])]
    return pc.value_counts(pa.chunked_array(chunks, pa.string())).to_pylist()


def _examples(kind: Kind, table: pa.Table, wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """The first texts of each label by id, no text twice under one label."""
    found: dict[str, list[str]] = {label: [] for label in wanted}
    columns = table.select(["id", "text", kind.column])
    order = pc.sort_indices(table["id"])
    for start in range(0, table.num_rows, BATCH):
        batch = columns.take(order.slice(start, BATCH))
        for text, gold in zip(batch["text"].to_pylist(), kind.gold(batch), strict=True):
            for label in kind.count([gold]):
                if label in wanted and len(found[label]) < wanted[label] and text not in found[label]:
                    found[label].append(text)
        if all(len(found[label]) == most for label, most in wanted.items()):
            break
    return found


def _batches(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, BATCH) for start in range(0, table.num_rows, BATCH))
