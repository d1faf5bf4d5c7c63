"""CSV, TSV, JSON Lines and lists, manifests and Parquet as tables, with errors that name the line.

`detect` (detection.py) says what a file is, for every reader: `read_sheet` here, and `volant.sources.texts`.
"""

import lzma
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from volant.errors import VolantError
from volant.sources.formats import manifest
from volant.sources.formats.class_names import with_class_names
from volant.sources.formats.delimited import read_csv
from volant.sources.formats.detection import Detected, detect
from volant.sources.formats.jsonl import read_json
from volant.sources.formats.lines import MAX_LINE, Format
from volant.sources.formats.manifest import Opener
from volant.sources.formats.objects import read_objects
from volant.sources.formats.sniff import FORMATS, decompressed

__all__ = ["FORMATS", "MAX_LINE", "Detected", "Format", "Sheet", "detect", "read_sheet", "read_stream", "to_the_end"]


@dataclass(frozen=True)
class Sheet:
    """The rows of a file, as columns.

    Attributes:
        table: Columns as the file has them; of a manifest `text` and its label attribute.
        lines: The line where each row begins; of Parquet, which row it is.
        detected: What the file was found to be.
        words: The same in words.
        failed: Line to why it has no text or label, where the file itself says so.
    """

    table: pa.Table
    lines: Sequence[int]
    detected: Detected
    words: str
    failed: dict[int, str] = field(default_factory=dict)


def read_sheet(
    raw: BinaryIO, name: str, form: Format, opener: Opener, labels: Sequence[str] = (), kind: str | None = None
) -> Sheet:
    """Read a whole file as a table.

    Fails with `VolantError` if the file is empty, binary, broken, in another encoding, or has a row that is too long.

    Args:
        raw: Seekable bytes, compressed or not.
        name: Path or address, for the extension and for messages.
        form: What is known of the format.
        opener: Opens what a manifest names.
        labels: Label attributes of a manifest, by preference.
        kind: Of the flywheel, if that is known.
    """
    with to_the_end(name):
        found = detect(raw, name, form)
        data = decompressed(raw)
        if found.kind == "manifest":
            rows = list(read_objects(data, name, found.form, "jsonl"))
            held = manifest.read(rows, name, kind, labels, opener)
            words = f"{found.words}, attribute '{held.attribute}'"
            return Sheet(held.table, [number for number, _ in rows], found, words, held.failed)
        if found.kind == "csv":
            table, lines = read_csv(data, name, found.form)
        elif found.kind == "parquet":
            table = with_class_names(_read_parquet(data, name))
            lines = range(1, table.num_rows + 1)
        else:
            table, lines = read_json(data, name, found.form, found.kind)
    return Sheet(table, lines, found, found.words)


def read_stream(raw: BinaryIO, name: str, form: Format) -> pa.Table:
    """Read a whole file as a table; one that names other files is refused.

    Fails with `VolantError` as `read_sheet`.
    """
    return read_sheet(raw, name, form, refuse).table


def refuse(place: str) -> AbstractContextManager[BinaryIO]:
    """Open nothing.

    Raises:
        VolantError: Always.
    """
    raise VolantError(
        f"{place} is referenced by a manifest, and is not fetched here. Put its text in the file as `source`"
    )


@contextmanager
def to_the_end(name: str) -> Iterator[None]:
    """Report a truncated file as such while it is read, compressed or not.

    Raises:
        VolantError: If its bytes end too early or can't be decompressed.
    """
    try:
        yield
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise VolantError(f"{name} can't be read to its end: {error}. Is it cut off? Fetch it again.") from error


def _read_parquet(data: BinaryIO, name: str) -> pa.Table:
    try:
        return pq.read_table(data)
    except (pa.ArrowInvalid, OSError) as error:
        raise VolantError(f"{name}: broken Parquet ({error}). Export or fetch it again.") from error
