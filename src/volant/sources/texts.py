"""The texts of a file, one after the other in constant memory; its form is found as for a flywheel's own files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import BinaryIO

from volant.config import did_you_mean
from volant.errors import VolantError
from volant.sources.encodings import BLOCK, is_utf8, other_than_utf8
from volant.sources.files import opened
from volant.sources.formats import FORMATS, Format, detect, to_the_end
from volant.sources.formats.delimited import named_rows
from volant.sources.formats.jsonl import json_object, whole
from volant.sources.formats.lines import read_lines
from volant.sources.formats.sniff import HEAD, decompressed, encoding_of

KINDS = {**FORMATS, ".txt": "lines"}
COMPRESSED = (".gz", ".bz2", ".xz")
PARQUET_ROWS = 1024  # decoded at a time


@dataclass(frozen=True)
class Reading:
    """How texts are read from a file.

    Attributes:
        columns: Names of the column or key that holds the text; the first that is there counts.
        form: What is known of the file.
        fallback: Encoding that is tried when none is given and the file is not UTF-8.
    """

    columns: Sequence[str] = ("text",)
    form: Format = field(default_factory=Format)
    fallback: str | None = None


def read_texts(path: str, reading: Reading, tell: Callable[[str], object] = lambda _: None) -> Iterator[str]:
    """The texts of a file: CSV and the like, JSON Lines, Parquet, or `.txt` with one a line; compressed or not.

    Args:
        path: The file.
        reading: How it is read; encoding and delimiter are found where they are not given.
        tell: Called with a sentence on what was guessed.

    Raises:
        VolantError: If its type isn't known, the column is missing, or a line is broken; names the line.
    """
    kind = _kind(path)
    with opened(path) as raw, to_the_end(path):
        blank = not decompressed(raw).read(HEAD).strip()
        raw.seek(0)
        if not blank or kind not in ("lines", "jsonl"):  # without lines they are whole all the same
            reading = replace(reading, form=_form(raw, path, kind, reading, tell))
        readers = {"csv": _delimited, "jsonl": _jsonl, "parquet": _parquet, "lines": _lines}
        yield from readers[kind](decompressed(raw), path, reading)


def _kind(path: str) -> str:
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in KINDS:
        allowed = f"{', '.join(KINDS)}, also with {', '.join(COMPRESSED)}"
        raise VolantError(f"{path}: files of type '{''.join(suffixes[-1:])}' are not read here; allowed: {allowed}.")
    return KINDS[suffixes[-1]]


def _form(raw: BinaryIO, path: str, kind: str, reading: Reading, tell: Callable[[str], object]) -> Format:
    """The form with encoding and delimiter filled in; rewinds `raw`."""
    if kind == "lines":
        head = decompressed(raw).read(HEAD)
        form = replace(reading.form, encoding=encoding_of(head, reading.form.encoding))
    else:
        form = detect(raw, path, reading.form)[1]
    raw.seek(0)
    if kind == "parquet" or reading.form.encoding or form.encoding != "utf-8" or is_utf8(path):
        return form
    found, why = other_than_utf8(path, form, reading.fallback)
    tell(f"{path} is not UTF-8, read as {found} ({why}). If that looks wrong, give --encoding.")
    return replace(form, encoding=found)


def _delimited(data: BinaryIO, path: str, reading: Reading) -> Iterator[str]:
    names, rows = named_rows(data, path, reading.form)
    at = names.index(_chosen(path, reading, names))
    return (row[at] for row in rows)


def _jsonl(data: BinaryIO, path: str, reading: Reading) -> Iterator[str]:
    column = None
    for number, line in enumerate(read_lines(data, path, reading.form), 1):
        if not line.strip():
            continue
        row = json_object(line, path, number)
        column = column or _chosen(f"{path}, line {number}", reading, list(row))
        if column not in row:
            raise VolantError(f"{path}, line {number}: no key '{column}'. Add it; null counts as an empty text.")
        if isinstance(row[column], list | dict):
            raise VolantError(f"{path}, line {number}: '{column}' holds a {type(row[column]).__name__}, not a text.")
        yield str(whole(_text(row[column])))


def _parquet(data: BinaryIO, path: str, reading: Reading) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # A buffer instead of whole column chunks, since a file may be one row group.
        parquet = pq.ParquetFile(data, pre_buffer=False, buffer_size=BLOCK)
        column = _chosen(path, reading, parquet.schema_arrow.names)
        held = parquet.schema_arrow.field(column).type
        if pa.types.is_nested(held) or pa.types.is_binary(held) or pa.types.is_large_binary(held):
            raise VolantError(f"{path}: column '{column}' holds {held}, not text. Name another with --column.")
        for batch in parquet.iter_batches(PARQUET_ROWS, columns=[column]):
            yield from map(_text, batch.column(0).to_pylist())
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise VolantError(f"{path}: broken Parquet ({error}). Export or fetch it again.") from error


def _lines(data: BinaryIO, path: str, reading: Reading) -> Iterator[str]:
    return (line.rstrip("\r\n") for line in read_lines(data, path, reading.form))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _chosen(where: str, reading: Reading, names: Sequence[str]) -> str:
    for column in reading.columns:
        if column in names:
            return column
    wanted = " or ".join(map(repr, reading.columns))
    near = did_you_mean(reading.columns[0], names)
    raise VolantError(f"{where}: no column {wanted}.{near} Name one with --column: {', '.join(names)}.")
