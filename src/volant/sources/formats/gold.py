"""The gold of annotated rows in one form: tags of tokens become spans, offsets count characters, rejected rows go.

Sources: https://huggingface.co/datasets/eriktks/conll2003 (`tokens` and `ner_tags`),
https://prodi.gy/docs/api-interfaces (`answer`), https://labelstud.io/guide/export (`was_cancelled`)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.record import SPANS
from volant.sources.formats.conll import TAGS, spans_of_runs
from volant.sources.formats.json_cells import is_text, parsed
from volant.sources.formats.jsonl import MIXED
from volant.sources.formats.offsets import in_characters
from volant.sources.formats.schemes import OUTSIDE, TAG, is_tag, scheme_of
from volant.sources.formats.tokens import align, join

TOKENS = ("tokens", "words", "token")
TEXT = "text"
ANSWER = "answer"
ACCEPTED = "accept"
STATES = frozenset((ACCEPTED, "reject", "ignore"))
CANCELLED = "was_cancelled"
NOTES = b"volant notes"  # key of the metadata: sentences on what was left out or converted
FIELDS = {
    "spans": frozenset(("start", "end", "label")),
    "triples": frozenset(("subject", "predicate", "object")),
}


@dataclass(frozen=True)
class Gold:
    """A table whose gold has one form.

    Attributes:
        table: The table; a column of tags holds spans under the same name, and `text` is there if tokens are.
        lines: Line of each row.
        words: Notes on what was converted, for the user.
    """

    table: pa.Table
    lines: Sequence[int]
    words: tuple[str, ...] = ()


def uniform(table: pa.Table, lines: Sequence[int], where: str, names: Sequence[str] = ()) -> Gold:
    """Return a table with its gold in one form; a column that can't be converted is removed, and the reason kept.

    Args:
        table: Columns as the source has them.
        lines: Line of each row.
        where: Name of the table for messages.
        names: Columns of tags by preference, if the user named some.
    """
    gold = _spanned(Gold(parsed(table), lines), where, names)
    if any(part_of(field.type) for field in gold.table.schema):
        notes = _in_characters(_answered(Gold(gold.table, gold.lines)))
        gold = Gold(_noted(notes.table, notes.words, where), notes.lines, (*gold.words, *notes.words))
    return gold


def _noted(table: pa.Table, words: Sequence[str], where: str) -> pa.Table:
    if not words:
        return table
    sentences = [f"{where}: {word}." for word in words]
    return table.replace_schema_metadata((table.schema.metadata or {}) | {NOTES: json.dumps(sentences).encode()})


def part_of(type_: pa.DataType) -> str | None:
    """Return `spans` or `triples` for the type of such a column; None for every other.

    Example:
        >>> part_of(SPANS), part_of(pa.list_(pa.string()))
        ('spans', None)
    """
    inner = type_.value_type if pa.types.is_list(type_) or pa.types.is_large_list(type_) else pa.null()
    names = {field.name for field in inner} if pa.types.is_struct(inner) else set()
    return next((target for target, fields in FIELDS.items() if fields <= names), None)


def _answered(gold: Gold) -> Gold:
    """Return the rows that their annotator accepted: those that were rejected or skipped have no gold."""
    table = gold.table
    keep = np.ones(table.num_rows, dtype=bool)
    if ANSWER in table.column_names and set(table[ANSWER].to_pylist()) <= STATES:
        keep &= np.array([answer == ACCEPTED for answer in table[ANSWER].to_pylist()], dtype=bool)
    if CANCELLED in table.column_names and pa.types.is_boolean(table[CANCELLED].type):
        keep &= np.array([cancelled is False for cancelled in table[CANCELLED].to_pylist()], dtype=bool)
    if keep.all():
        return gold
    words = f"{int((~keep).sum()):,} rows left out that annotators rejected, skipped or have not seen"
    lines = [line for line, kept in zip(gold.lines, keep, strict=True) if kept]
    return Gold(table.filter(pa.array(keep)), lines, (*gold.words, words))


def _in_characters(gold: Gold) -> Gold:
    table = gold.table
    texts = _texts(table)
    words = gold.words
    for k, field in enumerate(table.schema):
        if part_of(field.type) == "spans" and (cells := in_characters(texts, table[k].to_pylist())):
            table = table.set_column(k, field.name, pa.array(cells, field.type))
            words = (*words, f"offsets of '{field.name}' count UTF-16 units, converted to characters")
    return Gold(table, gold.lines, words)


def _texts(table: pa.Table) -> list[str | None]:
    """Return the column `text`, else that with the longest texts: spans are of no other."""
    columns = {name: table[name].to_pylist() for name in table.column_names if is_text(table, name)}
    if TEXT in columns:
        return columns[TEXT]
    return max(columns.values(), key=lambda cells: sum(map(len, filter(None, cells))), default=[None] * table.num_rows)


def _spanned(gold: Gold, where: str, names: Sequence[str]) -> Gold:
    """Return the table with the tags of its tokens as spans, and their text."""
    table = gold.table
    token = next((name for name in TOKENS if name in table.column_names and _holds_texts(table, name)), None)
    if token is None:
        return gold
    tokens = [cell or [] for cell in table[token].to_pylist()]
    if TEXT not in table.column_names:
        table = table.append_column(TEXT, pa.array([join(row)[0] for row in tokens], pa.string()))
    candidates = dict.fromkeys((*names, *TAGS, *table.column_names))
    tags = next((name for name in candidates if name != token and _are_tags(table, name, name in TAGS)), None)
    words = gold.words
    if tags is not None:
        at = table.column_names.index(tags)
        try:
            column = _spans(table, tokens, tags, gold.lines, where)
            words = (*words, f"spans from '{tags}' ({scheme_of(filter(None, table[tags].to_pylist()))})")
            table = table.set_column(at, tags, column)
        except VolantError as error:  # whoever needs this column is told
            reason = {f"{MIXED}{tags}": str(error)}
            table = table.remove_column(at).replace_schema_metadata((table.schema.metadata or {}) | reason)
    return Gold(table.drop_columns([token]), gold.lines, words)


def _spans(table: pa.Table, tokens: Sequence[list[str]], name: str, lines: Sequence[int], where: str) -> pa.Array:
    cells = []
    for text, row, tags, line in zip(table[TEXT].to_pylist(), tokens, table[name].to_pylist(), lines, strict=True):
        place = f"{where}, line {line}"
        if len(row) != len(tags or []):
            raise VolantError(
                f"{place}: {len(row)} tokens, but {len(tags or [])} tags in '{name}'. Each token needs one tag: "
                f"{OUTSIDE} outside of spans."
            )
        cells.append(spans_of_runs(tags or [], align(text or "", row, place), place))
    return pa.array(cells, SPANS)


def _holds_texts(table: pa.Table, name: str) -> bool:
    type_ = table.schema.field(name).type
    inner = type_.value_type if pa.types.is_list(type_) or pa.types.is_large_list(type_) else None
    return inner is not None and (pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _are_tags(table: pa.Table, name: str, usual: bool) -> bool:
    """Return True if a column holds lists of tags; of labels without a prefix only under a usual name, beside `O`."""
    if name not in table.column_names or not _holds_texts(table, name):
        return False
    values = {tag for cell in table[name].to_pylist() for tag in cell or ()}
    if any(tag and TAG.fullmatch(tag) for tag in values):
        return usual or all(tag and is_tag(tag) for tag in values)
    return usual and OUTSIDE in values
