"""Columns of any source as rows: `id`, `text`, the kind's target column, and extra columns."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS
from volant.kinds.answers import column_types, row
from volant.kinds.record import TARGETS, Annotation
from volant.sources.labels import plain, read_indicators, read_labels, rename_labels
from volant.sources.mapping import Columns, gold_columns, matching_rows, pick
from volant.sources.parts import (
    absent_facts,
    identity,
    new_names,
    part_problems,
    place_of_row,
    read_parts,
)
from volant.sources.unmatched import note, unmatched_values

RESERVED = {"id", "text", *TARGETS}


def to_rows(table: pa.Table, mapping: Columns, kind: str, where: str, lines: Sequence[int] | None = None) -> pa.Table:
    """Turn a source's table into rows.

    Args:
        table: Columns as the source has them.
        mapping: Columns to read.
        kind: Name of the kind.
        where: Name of the table for messages: a file, or a dataset and its split.
        lines: Line of each row in its file, if it has lines.

    Raises:
        VolantError: If a column is missing, a label is missing or unknown, a span doesn't fit its text, or an id is
            not unique.
    """
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise VolantError(f"kind '{kind}' can't be read from a source.{near} Allowed: {', '.join(KINDS)}.")
    pick(table, mapping.text, where)
    rows = np.flatnonzero(matching_rows(table, mapping, where))
    own = None if lines is None else [lines[int(row)] for row in rows]
    labels, origin = labels_of(table.take(rows), mapping, kind, where, own)
    names = {str(old): new for old, new in mapping.label_map.items()}
    names_of_rows = rename_labels(labels, rows, names, {str(label) for label in mapping.drop_labels}, origin)
    selected = [i for i, row_labels in enumerate(names_of_rows) if row_labels is not None]
    gold = [KINDS[kind].annotate(names_of_rows[i] or ()) for i in selected]
    if KINDS[kind].head != "text":  # labels of parts of the text: the rest of a part stays as it is
        chosen = table.take(rows[selected])
        parts = read_parts(chosen, gold_columns(table, mapping, KINDS[kind].columns, where), kind, where)
        _require_parts(chosen, mapping, parts, [place_of_row(where, k, lines) for k in rows[selected]])
        gold = [KINDS[kind].renamed(a, new_names(a, kind, names, mapping.drop_labels)) for a in parts]
    result = _assemble(table.take(rows[selected]), mapping, kind, gold, where)
    return note(result, unmatched_values(table, labels, mapping.where, names, mapping.drop_labels), table)


def _require_parts(table: pa.Table, mapping: Columns, parts: Sequence[Annotation], places: Sequence[str]) -> None:
    """Refuse spans that don't fit their text.

    Raises:
        VolantError: If one is empty, outside of the text, or overlaps another and must not; names file and line.
    """
    texts = [str(text or "") for text in table[mapping.text].to_pylist()]
    for position, problem in part_problems(texts, parts, overlaps=False).items():
        raise VolantError(f"{places[position]}: {problem}")


def labels_of(
    table: pa.Table, mapping: Columns, kind: str, where: str, lines: Sequence[int] | None = None
) -> tuple[list[tuple[str, ...] | None], str]:
    """Return the labels of each row as in the source (None: no value), and the name of their column for messages.

    Fails with `VolantError` if a column is missing, or can't contain labels of this kind.

    Args:
        table: Columns as the source has them.
        mapping: Columns to read.
        kind: Name of the kind.
        where: Name of the table for messages.
        lines: Line of each row in its file, if it has lines.
    """
    if mapping.label_columns:
        names = [pick(table, name, where) for name in mapping.label_columns]
        origin = f"{where}, columns {', '.join(names[:10])}"
        return read_indicators({name: table[name] for name in names}, kind, where), origin
    own = gold_columns(table, mapping, KINDS[kind].columns, where)
    label = own[KINDS[kind].columns[0]]
    origin = f"{where}, column '{label}'"
    if KINDS[kind].head != "text":
        return [KINDS[kind].labels_of(a) for a in read_parts(table, own, kind, origin, lines)], origin
    return read_labels(table[label], kind, mapping.separator, origin), origin


def _assemble(table: pa.Table, mapping: Columns, kind: str, gold: list[Annotation], where: str) -> pa.Table:
    text = table[mapping.text]
    if pa.types.is_nested(text.type) or pa.types.is_binary(text.type):
        raise VolantError(
            f"{where}: column '{mapping.text}' holds {text.type}, not text. Name another as columns.text."
        )
    texts = ["" if value is None else str(value) for value in text.to_pylist()]
    targets = [row(KINDS[kind], annotation) for annotation in gold]
    ids = _column_ids(table, mapping.id, where) if mapping.id else _hashed_ids(texts, gold, kind)
    columns = {
        "id": pa.array(ids, pa.string()),
        "text": pa.array(texts, pa.string()),
    }
    for name, form in column_types(KINDS[kind]).items():
        columns[name] = pa.array([target[name] for target in targets], form)
    roles = mapping.label_columns or gold_columns(table, mapping, KINDS[kind].columns, where).values()
    return pa.table(columns | _extra_columns(table, mapping, {mapping.text, mapping.id, *roles}, where))


def _column_ids(table: pa.Table, name: str, where: str) -> list[str]:
    pick(table, name, f"{where}, columns.id")
    ids = [plain(value) for value in table[name].to_pylist()]
    invalid = next((value or "" for value, count in Counter(ids).items() if count > 1 or not value), None)
    if invalid is not None:
        problem = f"has '{invalid}' more than once" if invalid else "is empty in a row"
        raise VolantError(
            f"{where}: columns.id '{name}' must be unique and filled in, but {problem}. "
            "Set `id: null` to take a hash of text and label."
        )
    return [value for value in ids if value]


def _hashed_ids(texts: list[str], gold: list[Annotation], kind: str) -> list[str]:
    """Return hashes of text and gold, 16 hex digits, which new rows don't change; repeats are numbered."""
    counts: Counter[str] = Counter()
    ids = []
    for text, annotation in zip(texts, gold, strict=True):
        names = identity(annotation, kind)
        digest = hashlib.sha256("\x1f".join([text, *names]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        counts[digest] += 1
        ids.append(digest if counts[digest] == 1 else f"{digest}-{counts[digest]}")
    return ids


def _extra_columns(
    table: pa.Table, mapping: Columns, roles: Collection[str | None], where: str
) -> dict[str, pa.ChunkedArray]:
    """Return the extra columns, which have no role; one with a reserved name becomes `source_<name>`."""
    names = [name for name in table.column_names if name not in roles] if mapping.keep is None else mapping.keep
    extra = {}
    for name in names:
        column = table[pick(table, name, f"{where}, columns.keep")]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            continue
        if pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
            column = column.cast(pa.string())
        # One chunk, so that the bytes of the Parquet file don't depend on how the source was read.
        extra[f"source_{name}" if name in RESERVED else name] = column.combine_chunks()
    return extra


def check_rows(table: pa.Table, kind: str, where: str) -> list[str]:
    """Refuse rows that no model can be trained on, and return warnings on others.

    Args:
        table: All rows for training.
        kind: Name of the kind.
        where: Name of the table for messages.

    Returns:
        Warnings, a sentence each.

    Raises:
        VolantError: If there is no row or text, one class only, or a label for nearly every row.
    """
    counts = KINDS[kind].count(KINDS[kind].gold(table))
    blank = sum(not text.strip() for text in table["text"].to_pylist())
    if table.num_rows in (0, blank):
        problem = "every text is empty" if table.num_rows else "no labelled rows"
        settings = "columns.text, columns.where and columns.drop_labels"
        raise VolantError(f"{where}: {problem}. Check the file, and {settings}.")
    if len(counts) < (2 if KINDS[kind].head == "text" else 1):  # one label of parts is told from the rest of the text
        problem = f"one class only ('{next(iter(counts))}')" if counts else "no label at all"
        raise VolantError(f"{where}: {problem} in {table.num_rows} rows. At least two labels are required.")
    if len(counts) > 10 and counts.total() < 2 * len(counts):
        examples = ", ".join(f"'{label[:30]}'" for label in list(counts)[:3])
        raise VolantError(
            f"{where}: {len(counts)} different labels in {table.num_rows} rows ({examples} …). "
            "Is columns.label the right column?"
        )
    return _warnings(counts, blank, where) + absent_facts(table, where)


def _warnings(counts: Counter[str], blank: int, where: str) -> list[str]:
    warnings = []
    rare = sorted(label for label, count in counts.items() if count < 2)
    if rare:
        warnings.append(f"{where}: only one row each for {', '.join(rare[:10])}: they can't be in train and in test.")
    normalised = {label: re.sub(r"^(-?\d+)\.0*$", r"\1", label.casefold()) for label in counts}
    common = Counter(normalised.values())
    variants = sorted(label for label in counts if common[normalised[label]] > 1)
    if variants:
        listed = f"{where}: {', '.join(variants[:10])}"
        warnings.append(f"{listed} differ only in case or by `.0`: merge them with columns.label_map.")
    if blank:
        warnings.append(f"{where}: {blank} rows have an empty text.")
    return warnings
