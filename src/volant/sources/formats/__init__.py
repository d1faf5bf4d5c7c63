"""CSV, TSV, JSON Lines and Parquet as tables, from any stream of bytes, with errors that name the line."""

import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from volant.errors import VolantError
from volant.sources.formats.delimited import read_csv
from volant.sources.formats.jsonl import read_jsonl
from volant.sources.formats.lines import MAX_LINE, Format
from volant.sources.formats.sniff import FORMATS, HEAD, decompressed, delimiter_of, encoding_of, format_of

__all__ = ["FORMATS", "MAX_LINE", "Format", "detect", "read_stream", "to_the_end"]


def read_stream(raw: BinaryIO, name: str, form: Format) -> pa.Table:
    """Read a whole file as a table; the format by the name's extension, else by its first bytes.

    Args:
        raw: Seekable bytes, compressed or not.
        name: Path or address, for the extension and for messages.
        form: What is known of the format.

    Raises:
        VolantError: If the file is empty, binary, broken, in another encoding, or has a row that is too long.
    """
    with to_the_end(name):
        kind, form = detect(raw, name, form)
        data = decompressed(raw)
        return {"csv": read_csv, "jsonl": read_jsonl, "parquet": _read_parquet}[kind](data, name, form)


@contextmanager
def to_the_end(name: str) -> Iterator[None]:
    """Around reading a file, compressed or not: one that is cut off is told as such.

    Raises:
        VolantError: If its bytes end too early or can't be decompressed.
    """
    try:
        yield
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise VolantError(f"{name} can't be read to its end: {error}. Is it cut off? Fetch it again.") from error


def detect(raw: BinaryIO, name: str, form: Format) -> tuple[str, Format]:
    """`csv`, `jsonl` or `parquet`, and `form` with encoding and delimiter filled in; rewinds `raw`.

    Raises:
        VolantError: If the file is empty, or nothing that we can read.
    """
    head = decompressed(raw).read(HEAD)
    raw.seek(0)
    if not head.strip():
        raise VolantError(f"{name} is empty. Expected labelled rows as CSV, TSV, JSON Lines or Parquet.")
    kind = format_of(name, head, form.encoding)
    form = replace(form, encoding=encoding_of(head, form.encoding))
    if kind == "csv" and not form.delimiter:
        form = replace(form, delimiter=delimiter_of(name, head, form))
    return kind, form


def _read_parquet(data: BinaryIO, name: str, _: Format) -> pa.Table:
    try:
        return pq.read_table(data)
    except (pa.ArrowInvalid, OSError) as error:
        raise VolantError(f"{name}: broken Parquet ({error}). Export or fetch it again.") from error
