"""CSV, TSV, JSON Lines and lists, manifests and Parquet as tables, with errors that name the line.

`detect` (detection.py) detects the format for every reader: `read_sheet` here, and `volant.sources.texts`.
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
from volant.sources.formats import comprehend, conll, manifest, slots
from volant.sources.formats.class_names import with_class_names
from volant.sources.formats.delimited import read_csv
from volant.sources.formats.detection import Detected, detect
from volant.sources.formats.gold import Gold, uniform
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
        table: Columns as in the file; for a manifest, `text` and its label attribute.
        lines: Line where each row begins; for Parquet, the number of the row.
        detected: Detected format of the file.
        words: The format as text.
        failed: Line → reason why it has no text or label, as the file itself says.
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
        form: Format of the file; what it leaves open is detected.
        opener: Function that opens the files that a manifest refers to.
        labels: Label attributes of a manifest, by preference.
        kind: Kind of the flywheel, if there is one.
    """
    with to_the_end(name):
        detected = detect(raw, name, form)
        data = decompressed(raw)
        if detected.kind == "manifest":
            rows = list(read_objects(data, name, detected.form, "jsonl"))
            labelled = manifest.read(rows, name, kind, labels, opener)
            gold = uniform(labelled.table, [number for number, _ in rows], name)
            words = f"{detected.words}, attribute '{labelled.attribute}'"
            return Sheet(gold.table, gold.lines, detected, "; ".join((words, *gold.words)), labelled.failed)
        gold = _gold(data, name, detected, opener)
    uniformed = uniform(gold.table, gold.lines, name, form.tags)
    words = "; ".join((detected.words, *gold.words, *uniformed.words))
    return Sheet(uniformed.table, uniformed.lines, detected, words)


def _gold(data: BinaryIO, name: str, detected: Detected, opener: Opener) -> Gold:
    """Return the columns of a file that is no manifest, with notes on its format."""
    form = detected.form
    if detected.kind == "slots":
        table, lines, scheme = slots.read(data, name, form, opener)
        return Gold(table, lines, (scheme,))
    if detected.kind == "conll":
        table, lines, scheme = conll.read(data, name, form)
        return Gold(table, lines, (scheme,))
    if detected.kind == "parquet":
        table = with_class_names(_read_parquet(data, name))
        return Gold(table, range(1, table.num_rows + 1))
    if detected.kind == "csv":
        return _delimited(data, name, form, opener)
    return Gold(*read_json(data, name, form, detected.kind))


def _delimited(data: BinaryIO, name: str, form: Format, opener: Opener) -> Gold:
    """Return the columns of a table, or the documents that it annotates."""
    table, lines = read_csv(data, name, form)
    if comprehend.is_annotations(table.column_names):
        documents = comprehend.read_annotations(table, lines, name, form, opener)
        return Gold(documents, range(1, documents.num_rows + 1), (comprehend.ANNOTATIONS,))
    if form.documents and comprehend.is_entity_list(table.column_names):
        documents = comprehend.read_entity_list(table, name, form, opener)
        return Gold(documents, range(1, documents.num_rows + 1), (comprehend.ENTITIES,))
    return Gold(table, lines)


def read_stream(raw: BinaryIO, name: str, form: Format) -> pa.Table:
    """Read a whole file as a table; refuse one that refers to other files.

    Fails with `VolantError` as `read_sheet`.

    Args:
        raw: Seekable bytes, compressed or not.
        name: Path or address, for the extension and for messages.
        form: Format of the file; what it leaves open is detected.
    """
    return read_sheet(raw, name, form, refuse).table


def refuse(place: str) -> AbstractContextManager[BinaryIO]:
    """Refuse to open a file that a manifest refers to.

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
        raise VolantError(f"{name} can't be read to its end: {error}. Is it truncated? Fetch it again.") from error


def _read_parquet(data: BinaryIO, name: str) -> pa.Table:
    try:
        return pq.read_table(data)
    except (pa.ArrowInvalid, OSError) as error:
        raise VolantError(f"{name}: broken Parquet ({error}). Export or fetch it again.") from error
