"""Files of every format as raw columns: the format is detected and reported, and every row has its line."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, BinaryIO, cast

import pyarrow as pa

from volant import config
from volant.kinds import KINDS
from volant.kinds.record import TARGETS
from volant.sources.columns import Columns
from volant.sources.files import opened
from volant.sources.formats import Format, detect, read_sheet
from volant.sources.formats.header import COMPREHEND, first_rows, is_comprehend
from volant.sources.formats.options import Options
from volant.sources.guess.infer import infer, separator_of
from volant.sources.states import require_answered

LINE = "volant_line"
SEPARATOR = (
    "|"  # Amazon Comprehend's default: https://docs.aws.amazon.com/comprehend/latest/dg/prep-class-data-multi.html
)


@dataclass(frozen=True)
class Form:
    """The form of the files, before they are opened.

    Attributes:
        kind: Of the flywheel.
        labels: Those that the flywheel knows.
        columns: Of its source, where that has some; `own` says so.
        written: How its source's files are written; the delimiter is found.
        text: Column that holds the text, if given.
        label: Column (or attribute of a manifest) that holds the label, if given.
        separator: What stands between the labels of a cell, if given.
        where: Column to the values that a row must have, if given.
    """

    kind: str
    labels: Collection[str] = ()
    columns: Columns = field(default_factory=Columns)
    own: bool = False
    written: Format = field(default_factory=Format)
    text: str | None = None
    label: str | None = None
    separator: str | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)


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


def form_of(
    kind: str,
    source: dict[str, Any],
    labels: Collection[str],
    encoding: str | None = None,
    given: Options | None = None,
) -> Form:
    """Return the form that a flywheel's source and the options of the command define."""
    columns = config.validate(Columns, source.get("columns") or {}, "source.columns")
    # western is not guessed: what is in the lake stays there
    written = replace(given or Options(), encoding=encoding or (given.encoding if given else None)).form(source, False)
    own = None if written.header else source.get("header")
    return Form(kind, labels, columns, "columns" in source, replace(written, header=written.header or own))


def read(path: str, form: Form) -> Raw:
    """Read one file, local or remote, whatever it is.

    Fails with `VolantError` if it can't be read, or its columns are not clear.
    """
    with opened(path) as stream:
        data = cast(BinaryIO, BytesIO(stream.read()))
    attributes = [name.strip() for name in (form.label or "").split(",") if name.strip()]
    written, columns, headless = _header(data, path, form)
    sheet = read_sheet(data, path, written, opened, attributes or form.columns.attributes, form.kind)
    table = sheet.table
    if sheet.detected.kind == "manifest":
        columns = Columns(label=table.column_names[1], keep=[])
    columns = columns or choose(table, form, path)
    columns = replace(columns, where={**columns.where, **{name: list(values) for name, values in form.where.items()}})
    label = [columns.label] if isinstance(columns.label, str) else columns.label
    require_answered(table, {columns.text, *label, *columns.label_columns, *columns.where}, path)
    words = headless or sheet.words
    return Raw(path, words, table.append_column(LINE, pa.array(sheet.lines, pa.int64())), columns, sheet.failed)


def choose(table: pa.Table, form: Form, where: str) -> Columns:
    """Choose the columns: by option, else the flywheel's own, else `text` and `label`, else those detected."""
    names = table.column_names
    labels = [form.columns.label] if isinstance(form.columns.label, str) else form.columns.label
    several = not KINDS[form.kind].exclusive
    if not form.text and not form.label:
        own = set(labels) & set(names) or (form.columns.label_columns and set(form.columns.label_columns) <= set(names))
        if form.own and form.columns.text in names and own:
            return _present(form.columns, names, form.separator)
        plain = next((name for name in ("label", "labels") if name in names), None)
        if "text" in names and plain:
            return Columns(label=plain, separator=_separator(table, plain, form), where=_where(form.columns, names))
    guess = infer(table, form.text, form.label, form.separator if several else None, where)
    marks = list(guess.label_columns)
    label = guess.label
    separator = None if marks else _separator(table, label, form)
    filters = _where(form.columns, names)
    return Columns(text=guess.text, label=label, label_columns=marks, separator=separator, where=filters)


def _where(columns: Columns, names: Sequence[str]) -> dict[str, Any]:
    """The rows that the flywheel reads, as far as a file has the columns that tell."""
    return {name: value for name, value in columns.where.items() if name in names}


def _present(columns: Columns, names: Sequence[str], separator: str | None) -> Columns:
    """The flywheel's own columns, without those that a file of the same form may lack."""
    keep = columns.keep and [name for name in columns.keep if name in names]
    where = _where(columns, names)
    return replace(
        columns,
        keep=keep,
        where=where,
        id=columns.id if columns.id in names else None,
        separator=separator or columns.separator,
    )


def _separator(table: pa.Table, label: str, form: Form) -> str | None:
    if KINDS[form.kind].exclusive or pa.types.is_nested(table[label].type):
        return None
    return form.separator or form.columns.separator or separator_of(table[label].to_pylist()) or SEPARATOR


def _header(data: BinaryIO, name: str, form: Form) -> tuple[Format, Columns | None, str]:
    """The format with the names of a file's columns, where its first line has none; which those are, and its name."""
    written = replace(form.written, header=None)
    own = form.written.header
    found = detect(data, name, written)
    if found.kind != "csv":
        return written, None, ""
    rows = first_rows(data, name, found.form)
    if own and rows and len(rows[0]) == len(own) and form.columns.text not in rows[0]:
        return replace(written, header=own), None, ""
    signs = [] if KINDS[form.kind].exclusive else [form.separator or SEPARATOR]
    names = {form.columns.text, *form.columns.attributes, *TARGETS}
    if form.text or form.label or not is_comprehend(rows, signs, form.labels, names):
        return written, None, ""
    return replace(written, header=["label", "text"]), Columns(separator=(signs or [None])[0], keep=[]), COMPREHEND
