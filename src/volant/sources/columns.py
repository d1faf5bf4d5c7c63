"""Columns of any source as rows: `id`, `text`, the kind's target column, and extra columns."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS
from volant.kinds.record import TARGETS, Annotation
from volant.sources.formats.jsonl import MIXED
from volant.sources.labels import held, marked, plain, read_labels, rename_labels
from volant.sources.parts import identity, new_names, read_parts
from volant.sources.unmatched import note, unmatched_values

RESERVED = {"id", "text", *TARGETS}


@dataclass(frozen=True, config=STRICT)
class Columns:
    """The columns of a source to read, and the names of their labels (see `conf/source/files.yaml`).

    Attributes:
        label: One name, or several of which the first present counts (a mirror may name it otherwise).
        label_columns: Columns of 0 and 1, one for each label, in place of `label`.
        separator: What stands between several labels of one cell; a list written as text needs none.
        label_map: Value in the source to label; a value that already is one of the labels stays.
        drop_labels: Labels, as in the source or as mapped, whose rows are left out; "" stands for no value at all.
        where: Column to the value or values that a row must have to be read.
        keep: Columns to carry along; all that hold plain values by default.
    """

    text: str = "text"
    label: str | list[str] = "label"
    label_columns: list[str] = Field(default_factory=list)
    id: str | None = None
    separator: str | None = Field(default=None, min_length=1)
    label_map: dict[str | int, str] = Field(default_factory=dict)
    drop_labels: list[str | int] = Field(default_factory=list)
    where: dict[str, str | int | list[str | int]] = Field(default_factory=dict)
    keep: list[str] | None = None

    @property
    def attributes(self) -> list[str]:
        """The label attributes of a manifest by preference; none where `label` is left at what it usually is."""
        names = [self.label] if isinstance(self.label, str) else self.label
        return [] if names in (["label"], ["labels"]) else names


def to_rows(table: pa.Table, mapping: Columns, kind: str, where: str) -> pa.Table:
    """Turn a source's table into rows.

    Args:
        table: Columns as the source has them.
        mapping: Which of them to read, and how.
        kind: Name of the kind.
        where: What the table is, for messages: a file, or a dataset and its split.

    Raises:
        VolantError: If a column is missing, a label is missing or unknown, or an id is not unique.
    """
    if kind not in KINDS:
        near = did_you_mean(kind, KINDS)
        raise VolantError(f"kind '{kind}' can't be read from a source.{near} Allowed: {', '.join(KINDS)}.")
    pick(table, mapping.text, where)
    rows = np.flatnonzero(chosen_rows(table, mapping, where))
    found, place = labels_of(table.take(rows), mapping, kind, where)
    names = {str(old): new for old, new in mapping.label_map.items()}
    named = rename_labels(found, rows, names, {str(label) for label in mapping.drop_labels}, place)
    kept = [i for i, labels in enumerate(named) if labels is not None]
    gold = [KINDS[kind].annotate(named[i] or ()) for i in kept]
    if KINDS[kind].head == "tokens":  # labels of parts of the text: the rest of a part stays as it is
        parts = read_parts(table.take(rows[kept])[pick(table, mapping.label, where)], kind, where)
        gold = [KINDS[kind].renamed(a, new_names(a, kind, names, mapping.drop_labels)) for a in parts]
    made = _assemble(table.take(rows[kept]), mapping, kind, gold, where)
    return note(made, unmatched_values(table, found, mapping.where, names, mapping.drop_labels))


def labels_of(table: pa.Table, mapping: Columns, kind: str, where: str) -> tuple[list[tuple[str, ...] | None], str]:
    """The labels of each row as the source has them (None: no value), and what their column is, for messages.

    Raises:
        VolantError: If a column is missing, or can't hold labels of this kind.
    """
    if mapping.label_columns:
        names = [pick(table, name, where) for name in mapping.label_columns]
        place = f"{where}, columns {', '.join(names[:10])}"
        return marked({name: table[name] for name in names}, kind, where), place
    label = pick(table, mapping.label, where)
    place = f"{where}, column '{label}'"
    if KINDS[kind].head == "tokens":
        return [KINDS[kind].labels_of(a) for a in read_parts(table[label], kind, place)], place
    return read_labels(table[label], kind, mapping.separator, place), place


def pick(table: pa.Table, names: str | Sequence[str], where: str) -> str:
    """The first of `names` that is a column.

    Raises:
        VolantError: If none is; lists the columns, and the nearest, or says why the file's one can't be read.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name in table.column_names:
            return name
        if told := (table.schema.metadata or {}).get(f"{MIXED}{name}".encode()):
            raise VolantError(told.decode())
    near = did_you_mean(wanted[0], table.column_names) if wanted else ""
    raise VolantError(
        f"{where}: no column {' or '.join(map(repr, wanted))}.{near} "
        f"Its columns: {', '.join(table.column_names)}. Name the right one under `columns`."
    )


def chosen_rows(table: pa.Table, mapping: Columns, where: str) -> np.ndarray:
    """Return whether each row has the values that `columns.where` requires.

    Raises:
        VolantError: If a column that it names is missing.
    """
    chosen = np.ones(table.num_rows, dtype=bool)
    for name, wanted in mapping.where.items():
        pick(table, name, f"{where}, columns.where")
        values = {plain(v) for v in (wanted if isinstance(wanted, list) else [wanted])}
        cells = map(held, table[name].to_pylist())
        # a list, as of the states of several annotators, counts where all of it does
        chosen &= np.fromiter((bool(cell) and cell <= values for cell in cells), dtype=bool, count=len(chosen))
    return chosen


def _assemble(table: pa.Table, mapping: Columns, kind: str, gold: list[Annotation], where: str) -> pa.Table:
    text = table[mapping.text]
    if pa.types.is_nested(text.type) or pa.types.is_binary(text.type):
        raise VolantError(
            f"{where}: column '{mapping.text}' holds {text.type}, not text. Name another as columns.text."
        )
    texts = ["" if value is None else str(value) for value in text.to_pylist()]
    target = [KINDS[kind].cell(annotation) for annotation in gold]
    ids = _given_ids(table, mapping.id, where) if mapping.id else _hashed_ids(texts, gold, kind)
    columns = {
        "id": pa.array(ids, pa.string()),
        "text": pa.array(texts, pa.string()),
        KINDS[kind].column: pa.array(target, KINDS[kind].types[0]),
    }
    return pa.table(columns | _riders(table, mapping, where))


def _given_ids(table: pa.Table, name: str, where: str) -> list[str]:
    pick(table, name, f"{where}, columns.id")
    ids = [plain(value) for value in table[name].to_pylist()]
    wrong = next((value or "" for value, count in Counter(ids).items() if count > 1 or not value), None)
    if wrong is not None:
        what = f"has '{wrong}' more than once" if wrong else "is empty in a row"
        raise VolantError(
            f"{where}: columns.id '{name}' must be unique and filled in, but {what}. "
            "Set `id: null` to take a hash of text and label."
        )
    return [value for value in ids if value]


def _hashed_ids(texts: list[str], gold: list[Annotation], kind: str) -> list[str]:
    """16 hex digits of text and gold, so that an id survives new rows before it; repeats are numbered."""
    seen: Counter[str] = Counter()
    ids = []
    for text, annotation in zip(texts, gold, strict=True):
        names = identity(annotation, kind)
        digest = hashlib.sha256("\x1f".join([text, *names]).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[digest] += 1
        ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return ids


def _riders(table: pa.Table, mapping: Columns, where: str) -> dict[str, pa.ChunkedArray]:
    """Return the extra columns; one with a name of ours becomes `source_<name>`."""
    target = mapping.label_columns or [pick(table, mapping.label, where)]
    used = {mapping.text, mapping.id, *target}
    names = [name for name in table.column_names if name not in used] if mapping.keep is None else mapping.keep
    riders = {}
    for name in names:
        column = table[pick(table, name, f"{where}, columns.keep")]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            continue
        if pa.types.is_large_string(column.type) or pa.types.is_null(column.type):
            column = column.cast(pa.string())
        # One chunk, so that the bytes of the Parquet file don't depend on how the source was read.
        riders[f"source_{name}" if name in RESERVED else name] = column.combine_chunks()
    return riders


def check_rows(table: pa.Table, kind: str, where: str) -> list[str]:
    """Refuse rows that no model can be trained on; warn of oddities in others.

    Args:
        table: Rows, all that training gets to see.
        kind: Name of the kind.
        where: What they are, for messages.

    Returns:
        Warnings, a sentence each.

    Raises:
        VolantError: If there is no row or text, one class only, or a label for nearly every row.
    """
    counts = KINDS[kind].count(KINDS[kind].gold(table))
    blank = sum(not text.strip() for text in table["text"].to_pylist())
    if table.num_rows in (0, blank):
        what = "every text is empty" if table.num_rows else "no labelled rows"
        raise VolantError(f"{where}: {what}. Check the file, and columns.text, columns.where and columns.drop_labels.")
    if len(counts) < (2 if KINDS[kind].head == "text" else 1):  # one sort of part is told from the rest of the text
        only = f"one class only ('{next(iter(counts))}')" if counts else "no label at all"
        raise VolantError(
            f"{where}: {only} in {table.num_rows} rows. A model needs two or more labels to choose between."
        )
    if len(counts) > 10 and counts.total() < 2 * len(counts):
        some = ", ".join(f"'{label[:30]}'" for label in list(counts)[:3])
        raise VolantError(
            f"{where}: {len(counts)} different labels in {table.num_rows} rows ({some} …). "
            "Is columns.label the right column?"
        )
    return _warnings(counts, blank, where)


def _warnings(counts: Counter[str], blank: int, where: str) -> list[str]:
    warnings = []
    rare = sorted(label for label, count in counts.items() if count < 2)
    if rare:
        warnings.append(f"{where}: only one row each for {', '.join(rare[:10])}: they can't be in train and in test.")
    spelt = {label: re.sub(r"^(-?\d+)\.0*$", r"\1", label.casefold()) for label in counts}
    common = Counter(spelt.values())
    twins = sorted(label for label in counts if common[spelt[label]] > 1)
    if twins:
        some = f"{where}: {', '.join(twins[:10])}"
        warnings.append(f"{some} differ only in case or by `.0`: join them with columns.label_map.")
    if blank:
        warnings.append(f"{where}: {blank} rows have an empty text.")
    return warnings
