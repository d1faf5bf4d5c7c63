"""Files of every form as raw columns: what they are is found out, and said; every row knows its line."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from typing import Any

import pyarrow as pa

from volant import config
from volant.datasets import manifest
from volant.scaffold.infer import LABEL, TEXT, infer
from volant.sources.columns import TARGETS, Columns
from volant.sources.files import opened
from volant.sources.formats import MAX_LINE, Format, detect, read_stream
from volant.sources.formats.delimited import records
from volant.sources.formats.lines import read_lines
from volant.sources.formats.sniff import decompressed

LINE = "volant_line"
SEPARATOR = (
    "|"  # Amazon Comprehend's default: https://docs.aws.amazon.com/comprehend/latest/dg/prep-class-data-multi.html
)
SAMPLE = 500


@dataclass(frozen=True)
class Form:
    """What is known of the files before they are opened.

    Attributes:
        kind: Of the flywheel.
        labels: Those that the flywheel knows.
        columns: Of its source, where that has some; `own` says so.
        written: How its source's files are written; the delimiter is found.
        text: Column that holds the text, if given.
        label: Column (or attribute of a manifest) that holds the label, if given.
        separator: What stands between the labels of a cell, if given.
    """

    kind: str
    labels: Collection[str] = ()
    columns: Columns = field(default_factory=Columns)
    own: bool = False
    written: Format = field(default_factory=Format)
    text: str | None = None
    label: str | None = None
    separator: str | None = None


@dataclass(frozen=True)
class Raw:
    """The columns of one file as they are, with `volant_line`, and how they are to be read.

    Attributes:
        origin: The file or address.
        format: What it was found to be, in words.
        failed: Line to why it has no text or label, where the file itself says so.
    """

    origin: str
    format: str
    table: pa.Table
    columns: Columns
    failed: dict[int, str] = field(default_factory=dict)


def form_of(kind: str, source: dict[str, Any], labels: Collection[str], encoding: str | None = None) -> Form:
    """What a flywheel's source says of its files."""
    columns = config.validate(Columns, source.get("columns") or {}, "source.columns")
    written = Format(
        quote=source.get("quote", '"'),
        encoding=encoding or source.get("encoding"),
        header=source.get("header"),
        max_line=source.get("max_line", MAX_LINE),
    )
    return Form(kind, labels, columns, "columns" in source, written)


def read(path: str, form: Form) -> Raw:
    """Read one file, local or remote, whatever it is.

    Raises:
        VolantError: If it can't be read, or its columns are not clear.
    """
    with opened(path) as stream:
        data = stream.read()
    kind, written = detect(BytesIO(data), path, replace(form.written, header=None))
    if kind == "jsonl" and manifest.is_manifest(_lines(data, path, written, 1)):
        lines = _lines(data, path, written)
        return Raw(path, *manifest.read(lines, path, form.kind, form.label))
    said, columns = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}[kind], None
    if kind == "csv":
        written, columns, headless = _header(data, path, written, form)
        said = headless or said
    table = read_stream(BytesIO(data), path, written)
    numbers = _numbers(data, path, kind, written, table.num_rows)
    columns = columns or choose(table, form, path)
    return Raw(path, said, table.append_column(LINE, pa.array(numbers, pa.int64())), columns)


def choose(table: pa.Table, form: Form, where: str) -> Columns:
    """Which columns are read: those given, else the flywheel's own, else `text` and `label`, else what is found."""
    names = table.column_names
    labels = [form.columns.label] if isinstance(form.columns.label, str) else form.columns.label
    multilabel = form.kind == "multilabel"
    if not form.text and not form.label:
        if form.own and form.columns.text in names and set(labels) & set(names):
            return _present(form.columns, names, form.separator)
        plain = next((name for name in ("label", "labels") if name in names), None)
        if "text" in names and plain:
            return Columns(label=plain, separator=_separator(table, plain, form))
    guess = infer(table, form.text, form.label, form.separator if multilabel else None, where)
    return Columns(text=guess.text, label=guess.label, separator=_separator(table, guess.label, form))


def _present(columns: Columns, names: Sequence[str], separator: str | None) -> Columns:
    """The flywheel's own columns, without those that a file of the same form may lack."""
    keep = columns.keep and [name for name in columns.keep if name in names]
    where = {name: value for name, value in columns.where.items() if name in names}
    return replace(
        columns,
        keep=keep,
        where=where,
        id=columns.id if columns.id in names else None,
        separator=separator or columns.separator,
    )


def _separator(table: pa.Table, label: str, form: Form) -> str | None:
    if form.kind != "multilabel" or pa.types.is_nested(table[label].type):
        return None
    return form.separator or form.columns.separator or SEPARATOR


def _header(data: bytes, name: str, written: Format, form: Form) -> tuple[Format, Columns | None, str]:
    """The format with the names of a file's columns, where its first line has none; which those are, and its name."""
    rows = [row for _, row in islice(_records(data, name, written), SAMPLE)]
    own = form.written.header
    if own and rows and len(rows[0]) == len(own) and form.columns.text not in rows[0]:
        return replace(written, header=own), None, ""
    separator = (form.separator or SEPARATOR) if form.kind == "multilabel" else None
    if not _comprehend(rows, separator, form):
        return written, None, ""
    said = "Amazon Comprehend's CSV (label,text without a header)"
    return replace(written, header=["label", "text"]), Columns(separator=separator, keep=[]), said


def _comprehend(rows: Sequence[Sequence[str]], separator: str | None, form: Form) -> bool:
    """Whether all rows have two cells, and the first begins with a label rather than with a name of a column."""
    if not rows or any(len(row) != 2 for row in rows):
        return False
    first, *rest = [_parts(row[0], separator) for row in rows]
    if first & set(form.labels):
        return True
    names = {cell.strip().lower() for cell in rows[0]}
    own = {form.columns.text, form.columns.label} if isinstance(form.columns.label, str) else {form.columns.text}
    if names & (TEXT | LABEL | set(TARGETS.values()) | own) or form.text or form.label:
        return False
    return any(first & other for other in rest)  # a label comes again, the name of a column doesn't


def _parts(cell: str, separator: str | None) -> set[str]:
    return {part.strip() for part in (cell.split(separator) if separator else [cell]) if part.strip()}


def _records(data: bytes, name: str, written: Format) -> Any:
    return records(read_lines(decompressed(BytesIO(data)), name, written), name, written.delimiter or ",", written)


def _lines(data: bytes, name: str, written: Format, most: int | None = None) -> list[tuple[int, str]]:
    """The lines of a file that hold something, with their numbers."""
    numbered = enumerate(read_lines(decompressed(BytesIO(data)), name, written), 1)
    return list(islice(((n, line) for n, line in numbered if line.strip()), most))


def _numbers(data: bytes, name: str, kind: str, written: Format, rows: int) -> Sequence[int]:
    """The line where each row begins; of Parquet, which row it is."""
    if kind == "parquet":
        return range(1, rows + 1)
    if kind == "jsonl":
        return [number for number, _ in _lines(data, name, written)]
    return [line for line, _ in _records(data, name, written)][0 if written.header else 1 :]
