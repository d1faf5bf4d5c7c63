"""Files of every format as raw columns: the format is detected and reported, and every row has its line."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, BinaryIO, cast

import pyarrow as pa

from volant import config
from volant.kinds import KINDS
from volant.kinds.record import TARGETS
from volant.sources.files import opened
from volant.sources.formats import Format, detect, read_sheet
from volant.sources.formats.header import COMPREHEND, first_rows, is_comprehend
from volant.sources.formats.options import Options
from volant.sources.formats.slots import words_file
from volant.sources.guess.infer import infer, separator_of
from volant.sources.guess.parts import part_targets
from volant.sources.mapping import Columns
from volant.sources.states import require_answered

LINE = "volant_line"
SEPARATOR = (
    "|"  # Amazon Comprehend's default: https://docs.aws.amazon.com/comprehend/latest/dg/prep-class-data-multi.html
)


@dataclass(frozen=True)
class Form:
    """The form of the files, before they are opened.

    Attributes:
        kind: Kind of prediction.
        labels: Labels of the flywheel.
        columns: Columns of its source.
        own: True if the source has a `columns` setting.
        written: Format of its source's files; the delimiter is detected.
        text: Column of the text, if the user gave one.
        label: Column (or attribute of a manifest) of the label, if the user gave one.
        separator: Separator of the labels in a cell, if the user gave one.
        where: Column → values that a row must have.
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
    """The columns of one file, unchanged, with `volant_line`.

    Attributes:
        origin: File or address.
        format: Detected format, as text.
        table: The columns.
        columns: Mapping of the columns.
        failed: Line → reason why it has no text or label, as the file itself says.
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
    options: Options | None = None,
) -> Form:
    """Return the form that a flywheel's source and the options of the command define.

    Args:
        kind: Kind of prediction.
        source: Config of the source.
        labels: Labels of the flywheel.
        encoding: Encoding of the files, if the user gave one.
        options: Other options of their format.
    """
    columns = config.validate(Columns, source.get("columns") or {}, "source.columns")
    options = options or Options()
    # a western encoding is not guessed, as rows of the lake are permanent
    form = replace(options, encoding=encoding or options.encoding).form(source, False)
    own = None if form.header else source.get("header")
    return Form(kind, labels, columns, "columns" in source, replace(form, header=form.header or own))


def read(path: str, form: Form) -> Raw:
    """Read one file, local or remote, in any supported format.

    Fails with `VolantError` if it can't be read, or its columns are ambiguous.
    """
    path = words_file(path)
    with opened(path) as stream:
        data = cast(BinaryIO, BytesIO(stream.read()))
    attributes = [name.strip() for name in (form.label or "").split(",") if name.strip()]
    form_of_file, columns, headless = _header(data, path, form)
    labels = attributes or form.columns.attributes
    form_of_file = replace(form_of_file, tags=tuple(attributes or form.columns.tags))
    sheet = read_sheet(data, path, form_of_file, opened, labels, form.kind)
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
    """Choose the columns: by option, else the flywheel's own, else `text` and `label`, else those detected.

    Args:
        table: Columns of the file.
        form: Form of the files.
        where: Name of the file, for messages.
    """
    names = table.column_names
    if KINDS[form.kind].head != "text":
        return _parts(table, form)
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


def _parts(table: pa.Table, form: Form) -> Columns:
    """Return the columns of a kind of parts: by option, else the flywheel's own, else those that hold parts."""
    names = table.column_names
    default = Columns()
    own = form.columns
    targets = part_targets(table)
    label = own.label if _any_of(own.label, names) else targets.get(KINDS[form.kind].columns[0], default.label)
    spans = own.spans if _any_of(own.spans, names) else targets.get("spans", default.spans)
    text = form.text or (own.text if own.text in names else default.text)
    return replace(_present(own, names, None), text=text, label=form.label or label, spans=spans)


def _any_of(columns: str | Sequence[str], names: Sequence[str]) -> bool:
    return not {columns}.isdisjoint(names) if isinstance(columns, str) else not set(columns).isdisjoint(names)


def _where(columns: Columns, names: Sequence[str]) -> dict[str, Any]:
    """Return the flywheel's row filter, for the columns that a file has."""
    return {name: value for name, value in columns.where.items() if name in names}


def _present(columns: Columns, names: Sequence[str], separator: str | None) -> Columns:
    """Return the flywheel's own columns, without the optional ones that a file lacks."""
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
    """Return the format of a file, and columns and format name for one without header row; None and "" otherwise."""
    options = replace(form.written, header=None)
    own = form.written.header
    detected = detect(data, name, options)
    if detected.kind != "csv":
        return options, None, ""
    rows = first_rows(data, name, detected.form)
    if own and rows and len(rows[0]) == len(own) and form.columns.text not in rows[0]:
        return replace(options, header=own), None, ""
    signs = [] if KINDS[form.kind].exclusive else [form.separator or SEPARATOR]
    names = {form.columns.text, *form.columns.attributes, *TARGETS}
    if form.text or form.label or not is_comprehend(rows, signs, form.labels, names):
        return options, None, ""
    return replace(options, header=["label", "text"]), Columns(separator=(signs or [None])[0], keep=[]), COMPREHEND
