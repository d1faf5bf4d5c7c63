"""The texts of a file, one after the other in constant memory; its format is detected as for a flywheel's own files."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedReader
from itertools import islice
from pathlib import PurePosixPath
from typing import BinaryIO

from volant.errors import VolantError, did_you_mean
from volant.sources.files import opened
from volant.sources.formats import FORMATS, Detected, Format, detect, to_the_end
from volant.sources.formats.delimited import MOST_COLUMNS, named_rows, shown
from volant.sources.formats.encodings import BLOCK
from volant.sources.formats.header import without_names
from volant.sources.formats.jsonl import whole
from volant.sources.formats.lines import read_lines
from volant.sources.formats.manifest import Opener, text_of
from volant.sources.formats.objects import read_objects
from volant.sources.formats.sniff import decompressed
from volant.sources.formats.watched import Watched

COMPRESSED = (".gz", ".bz2", ".xz")
PARQUET_BUFFER = 1 << 20
PARQUET_ROWS = 1024  # decoded at a time
# what is not worth telling
PLAIN = {"CSV", "CSV, delimiter tab", "JSON Lines", "Parquet", "one text a line"}
# their names are told better than by what their bytes are not
OTHERS = {".doc", ".docx", ".xls", ".xlsx", ".ods", ".odt", ".pdf", ".zip", ".pkl", ".pickle", ".xml", ".html"}
Numbered = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Reading:
    """The way to read texts from a file.

    Attributes:
        columns: Names of the column or key that holds the text; the first that is there counts.
        form: What is known of the file.
        labels: Those of the flywheel: a table that begins with one of them has no header row.
        opener: Opens what a manifest names.
        kinds: Kinds of file that are read, as `Detected` has them; None: all.
        most_bytes: A compressed file may have no more when it is decompressed.
        between: Called before each block that is read; what it raises ends the reading.
    """

    columns: Sequence[str] = ("text",)
    form: Format = field(default_factory=lambda: Format(western=True))
    labels: Sequence[str] = ()
    opener: Opener = opened
    kinds: Collection[str] | None = None
    most_bytes: int | None = None
    between: Callable[[], object] | None = None


def read_texts(path: str, reading: Reading, tell: Callable[[str], object] = lambda _: None) -> Iterator[str]:
    """The texts of a file: CSV and the like, JSON, Parquet, manifests, or one text a line; compressed or not.

    Fails with `VolantError` if its type isn't known, the column is missing, or a line is broken; names the line.

    Args:
        path: The file.
        reading: How it is read; what is not given is found.
        tell: Called with a sentence on what was found, where that is not plain.
    """
    _refuse_type(path)
    return (text for _, text in numbered_texts(path, path, reading, tell))


def numbered_texts(path: str, name: str, reading: Reading, tell: Callable[[str], object] = lambda _: None) -> Numbered:
    """Each text of a file with the line where it begins (of Parquet, with the number of its row).

    Args:
        path: Where its bytes are.
        name: What it is called: for its extension, for messages, and for what a manifest names beside it.
        reading: How it is read.
        tell: As for `read_texts`.

    Raises:
        VolantError: As `read_texts`.
    """
    with opened(path) as whole_file, to_the_end(name):
        raw = BufferedReader(Watched(whole_file, reading.between)) if reading.between else whole_file
        _require_size(raw, name, reading.most_bytes)
        found = detect(raw, name, reading.form, reading.columns)
        if reading.kinds is not None and found.kind not in reading.kinds:
            raise VolantError(f"{name} is {found.words}, which is not supported. Allowed: {', '.join(reading.kinds)}.")
        if found.kind == "csv":
            found = _with_header(raw, name, found, reading)
        if found.why:
            tell(f"{name} is not UTF-8, read as {found.form.encoding} ({found.why}). "
                 "If that looks wrong, give --encoding.")  # fmt: skip
        headless = found.kind == "csv" and found.form.header
        if (told := found.words) not in PLAIN or headless:
            tell(f"{name} is read as {told}{', without a header row' if headless else ''}.")
        readers = {"csv": _delimited, "parquet": _parquet, "lines": _lines, "manifest": _manifest}
        yield from readers.get(found.kind, _objects)(decompressed(raw), name, found, reading)


def _require_size(raw: BinaryIO, name: str, most: int | None) -> None:
    """Refuse a small file that becomes a huge one.

    Raises:
        VolantError: If it has more than `most` bytes when it is decompressed.
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


def _with_header(raw: BinaryIO, name: str, found: Detected, reading: Reading) -> Detected:
    """The form with the names of the columns, where the first row has none and a label tells which is which."""
    names = without_names(raw, name, found.form, reading.labels, reading.columns)
    return replace(found, form=replace(found.form, header=names)) if names else found


def _delimited(data: BinaryIO, name: str, found: Detected, reading: Reading) -> Numbered:
    names, rows = named_rows(data, name, found.form)
    at = names.index(_chosen(name, reading, names))
    return ((line, row[at]) for line, row in rows)


def _objects(data: BinaryIO, name: str, found: Detected, reading: Reading) -> Numbered:
    column = None
    for number, row in read_objects(data, name, found.form, found.kind):
        column = column or _chosen(f"{name}, line {number}", reading, list(row))
        if column not in row:
            raise VolantError(f"{name}, line {number}: no key '{column}'. Add it; null counts as an empty text.")
        if isinstance(row[column], list | dict):
            raise VolantError(f"{name}, line {number}: '{column}' holds a {type(row[column]).__name__}, not a text.")
        yield number, str(whole(_text(row[column])))


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
        column = _chosen(name, reading, parquet.schema_arrow.names)
        held = parquet.schema_arrow.field(column).type
        if pa.types.is_nested(held) or pa.types.is_binary(held) or pa.types.is_large_binary(held):
            raise VolantError(f"{name}: column '{column}' holds {held}, not text. Name another with --column.")
        for batch in parquet.iter_batches(PARQUET_ROWS, columns=[column]):
            for value in batch.column(0).to_pylist():
                number += 1
                yield number, _text(value)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise VolantError(f"{name}: broken Parquet ({error}). Export or fetch it again.") from error


def _lines(data: BinaryIO, name: str, found: Detected, _: Reading) -> Numbered:
    lines = ((n, line.rstrip("\r\n")) for n, line in enumerate(read_lines(data, name, found.form), 1))
    return islice(lines, 1 if found.form.header else 0, None)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _chosen(where: str, reading: Reading, names: Sequence[str]) -> str:
    """The column that holds the text: by its name, else by its name in other letters (Excel's `Text`)."""
    if len(names) > MOST_COLUMNS:
        raise VolantError(f"{where}: {len(names):,} keys, at most {MOST_COLUMNS:,}.")
    folded = {name.casefold(): name for name in reversed(names)}
    for column in reading.columns:
        if column in names:
            return column
    for column in reading.columns:
        if column.casefold() in folded:
            return folded[column.casefold()]
    wanted = " or ".join(map(repr, reading.columns))
    near = did_you_mean(reading.columns[0][:80], [name[:80] for name in names[:100]])
    raise VolantError(
        f"{where}: no column {wanted}.{near} Name one with --column: {shown(names)}. "
        "If the first row is no header, name the columns with --header."
    )
