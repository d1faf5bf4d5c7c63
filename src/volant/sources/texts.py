"""The texts of a file, one at a time in constant memory; its format is detected as for a flywheel's own files."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedReader
from itertools import islice
from pathlib import PurePosixPath
from typing import BinaryIO

from volant.errors import VolantError, did_you_mean
from volant.sources.files import opened
from volant.sources.formats import FORMATS, Detected, Format, conll, detect, to_the_end
from volant.sources.formats.delimited import MOST_COLUMNS, column_list, named_rows
from volant.sources.formats.encodings import BLOCK
from volant.sources.formats.header import missing_header
from volant.sources.formats.jsonl import valid_unicode
from volant.sources.formats.lines import read_lines
from volant.sources.formats.manifest import Opener, text_of
from volant.sources.formats.objects import read_objects
from volant.sources.formats.sniff import decompressed
from volant.sources.formats.tokens import join
from volant.sources.formats.watched import Watched

COMPRESSED = (".gz", ".bz2", ".xz")
PARQUET_BUFFER = 1 << 20
PARQUET_ROWS = 1024  # decoded at a time
# descriptions that are not reported
PLAIN = {"CSV", "CSV, delimiter tab", "JSON Lines", "Parquet", "one text per line"}
# for these, the extension makes a better message than the content
OTHERS = {".doc", ".docx", ".xls", ".xlsx", ".ods", ".odt", ".pdf", ".zip", ".pkl", ".pickle", ".xml", ".html"}
Numbered = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Reading:
    """The way to read texts from a file.

    Attributes:
        columns: Names of the column or key of the text; the first that exists counts.
        form: Format of the file; what it leaves open is detected.
        labels: Labels of the flywheel: a table that begins with one of them has no header row.
        opener: Function that opens the files that a manifest refers to.
        kinds: Allowed kinds of file, as in `Detected`; None for all.
        most_bytes: Largest number of bytes of a compressed file after decompression; None for any.
        between: Function that is called before each block is read; an error that it raises ends the reading.
    """

    columns: Sequence[str] = ("text",)
    form: Format = field(default_factory=lambda: Format(western=True))
    labels: Sequence[str] = ()
    opener: Opener = opened
    kinds: Collection[str] | None = None
    most_bytes: int | None = None
    between: Callable[[], object] | None = None


def read_texts(path: str, reading: Reading, tell: Callable[[str], object] = lambda _: None) -> Iterator[str]:
    """Yield the texts of a file: CSV, TSV, JSON, Parquet, a manifest, or one text per line; compressed or not.

    Fails with `VolantError` if its type is unknown, the column is missing, or a line is broken, which the message
    names.

    Args:
        path: Path or address of the file.
        reading: The way to read it.
        tell: Function that is called with a sentence on the detected format, if it is unusual.
    """
    _refuse_type(path)
    return (text for _, text in numbered_texts(path, path, reading, tell))


def numbered_texts(path: str, name: str, reading: Reading, tell: Callable[[str], object] = lambda _: None) -> Numbered:
    """Yield the line where each text of a file begins (for Parquet, the number of its row), and the text.

    Args:
        path: Path or address of its bytes.
        name: Name of the file: for its extension, for messages, and for files beside it that a manifest refers to.
        reading: The way to read it.
        tell: As for `read_texts`.

    Raises:
        VolantError: If its kind is not allowed, or as for `read_texts`.
    """
    with opened(path) as file, to_the_end(name):
        raw = BufferedReader(Watched(file, reading.between)) if reading.between else file
        _require_size(raw, name, reading.most_bytes)
        detected = detect(raw, name, reading.form, reading.columns)
        if reading.kinds is not None and detected.kind not in reading.kinds:
            allowed = ", ".join(reading.kinds)
            raise VolantError(f"{name} is {detected.words}, which is not supported. Allowed: {allowed}.")
        if detected.kind == "csv":
            detected = _with_header(raw, name, detected, reading)
        if detected.why:
            tell(f"{name} is not UTF-8, read as {detected.form.encoding} ({detected.why}). "
                 "If that looks wrong, give --encoding.")  # fmt: skip
        headless = detected.kind == "csv" and detected.form.header
        description = detected.words
        if description not in PLAIN or headless:
            tell(f"{name} is read as {description}{', without a header row' if headless else ''}.")
        readers = {"csv": _delimited, "parquet": _parquet, "lines": _lines, "manifest": _manifest, "conll": _conll}
        yield from readers.get(detected.kind, _objects)(decompressed(raw), name, detected, reading)


def _require_size(raw: BinaryIO, name: str, most: int | None) -> None:
    """Refuse a small file that is huge after decompression.

    Raises:
        VolantError: If it has more than `most` bytes then.
    """
    data = decompressed(raw)
    size = 0
    if most is not None and data is not raw:
        while block := data.read(BLOCK):
            size += len(block)
            if size > most:
                raise VolantError(f"{name} has more than {most:,} bytes when it is decompressed. Send it in parts.")
    raw.seek(0)


def _refuse_type(path: str) -> None:
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if suffixes and suffixes[-1] in OTHERS:
        allowed = f"{', '.join([*FORMATS, '.txt'])}, also with {', '.join(COMPRESSED)}"
        raise VolantError(f"{path}: files of type '{suffixes[-1]}' are not supported; allowed: {allowed}.")


def _with_header(raw: BinaryIO, name: str, detected: Detected, reading: Reading) -> Detected:
    """Return the format with names of the columns, if there is no header row and a label shows their order."""
    names = missing_header(raw, name, detected.form, reading.labels, reading.columns)
    return replace(detected, form=replace(detected.form, header=names)) if names else detected


def _delimited(data: BinaryIO, name: str, detected: Detected, reading: Reading) -> Numbered:
    names, rows = named_rows(data, name, detected.form)
    at = names.index(_text_column(name, reading, names))
    return ((line, row[at]) for line, row in rows)


def _objects(data: BinaryIO, name: str, detected: Detected, reading: Reading) -> Numbered:
    column = None
    for number, row in read_objects(data, name, detected.form, detected.kind):
        if isinstance(row.get("tokens"), list) and all(isinstance(token, str) for token in row["tokens"]):
            row.setdefault("text", join(row["tokens"])[0])
        column = column or _text_column(f"{name}, line {number}", reading, list(row))
        if column not in row:
            raise VolantError(f"{name}, line {number}: no key '{column}'. Add it; null counts as an empty text.")
        if isinstance(row[column], list | dict):
            raise VolantError(f"{name}, line {number}: '{column}' holds a {type(row[column]).__name__}, not a text.")
        yield number, str(valid_unicode(_text(row[column])))


def _conll(data: BinaryIO, name: str, detected: Detected, _: Reading) -> Numbered:
    return ((row.line, join(row.tokens)[0]) for row in conll.sentences(data, name, detected.form))


def _manifest(data: BinaryIO, name: str, found: Detected, reading: Reading) -> Numbered:
    for number, row in read_objects(data, name, found.form, "jsonl"):
        failed: dict[int, str] = {}
        text = text_of(number, row, name, failed, reading.opener)
        if failed or not {"source", "source-ref"} & row.keys():
            raise VolantError(f"{name}, line {number}: {failed.get(number, 'neither source nor source-ref')}.")
        yield number, text


def _parquet(data: BinaryIO, name: str, _: Detected, reading: Reading) -> Numbered:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        # A buffer instead of whole column chunks, since a file may be one row group.
        parquet = pq.ParquetFile(data, pre_buffer=False, buffer_size=PARQUET_BUFFER)
        column = _text_column(name, reading, parquet.schema_arrow.names)
        type_ = parquet.schema_arrow.field(column).type
        if pa.types.is_nested(type_) or pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
            raise VolantError(f"{name}: column '{column}' holds {type_}, not text. Name another with --column.")
        for batch in parquet.iter_batches(PARQUET_ROWS, columns=[column]):
            for value in batch.column(0).to_pylist():
                number += 1
                yield number, _text(value)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise VolantError(f"{name}: broken Parquet ({error}). Export or fetch it again.") from error


def _lines(data: BinaryIO, name: str, detected: Detected, _: Reading) -> Numbered:
    lines = ((n, line.rstrip("\r\n")) for n, line in enumerate(read_lines(data, name, detected.form), 1))
    return islice(lines, 1 if detected.form.header else 0, None)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _text_column(where: str, reading: Reading, names: Sequence[str]) -> str:
    """Return the column of the text: by its name, else by its name in other case (Excel's `Text`).

    Raises:
        VolantError: If there is none, or too many columns.
    """
    if len(names) > MOST_COLUMNS:
        raise VolantError(f"{where}: {len(names):,} keys, at most {MOST_COLUMNS:,}.")
    by_folded_name = {name.casefold(): name for name in reversed(names)}
    for column in reading.columns:
        if column in names:
            return column
    for column in reading.columns:
        if column.casefold() in by_folded_name:
            return by_folded_name[column.casefold()]
    columns = " or ".join(map(repr, reading.columns))
    near = did_you_mean(reading.columns[0][:80], [name[:80] for name in names[:100]])
    raise VolantError(
        f"{where}: no column {columns}.{near} Name one with --column: {column_list(names)}. "
        "If the first row is no header, name the columns with --header."
    )
