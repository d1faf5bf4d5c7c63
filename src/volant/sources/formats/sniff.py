"""The format of a file from its name and first bytes: compression, format, encoding, delimiter."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
from collections.abc import Collection
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from volant.errors import VolantError
from volant.sources.formats.lines import Format

HEAD = 65536
DELIMITERS = ",;\t|"
EXCEL = re.compile(r"sep=([^\w\s]|\t)")  # a first line for Excel only, with the delimiter
FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".manifest": "jsonl",
    ".parquet": "parquet", ".pq": "parquet",
    ".conll": "conll", ".iob": "conll", ".iob2": "conll", ".bio": "conll", ".bioes": "conll", ".conllu": "conll",
}  # fmt: skip
TEXT_NAMES = {
    "text", "review", "sentence", "content", "body", "message", "comment", "tweet", "document", "utterance",
}  # fmt: skip
# First bytes of files that users give by mistake; https://www.garykessler.net/library/file_sigs.html
BINARY = {
    b"PK\x03\x04": "a zip archive or an Office workbook", b"\xd0\xcf\x11\xe0": "an old Office file",
    b"%PDF": "a PDF", b"\x89PNG": "an image", b"\xff\xd8\xff": "an image", b"GIF8": "an image",
    b"SQLite format 3": "an SQLite database", b"ARROW1": "an Arrow file", b"\x7fELF": "a program",
}  # fmt: skip
# Longer marks first: that of UTF-16 is the beginning of that of UTF-32.
MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
]  # fmt: skip


def decompressed(raw: BinaryIO) -> BinaryIO:
    """Return the stream itself, or a reader over it if it begins like gzip, bzip2 or xz, whatever its extension."""
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if magic.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(raw))
    if magic.startswith(b"\xfd7zXZ"):
        return cast(BinaryIO, lzma.LZMAFile(raw))
    return raw


def format_of(name: str, head: bytes, encoding: str | None = None) -> str | None:
    """Return `csv`, `jsonl`, `array` (of JSON objects), `conll` or `parquet`; None for text of unknown form.

    Args:
        name: Name of the file, for its extension and for messages.
        head: First bytes of the file.
        encoding: Encoding, if the user gave one.

    Raises:
        VolantError: If the first bytes are of a binary file, or the extension is wrong.

    Example:
        >>> format_of("a.csv.gz", b"text,label"), format_of("a.txt", b'{"text": "a"}'), format_of("a.txt", b"a")
        ('csv', 'jsonl', None)
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    description = next((description for magic, description in BINARY.items() if head.startswith(magic)), None)
    suffixes = [s.lower() for s in PurePosixPath(name).suffixes if s.lower() in FORMATS]
    if suffixes and FORMATS[suffixes[-1]] == "parquet":
        raise VolantError(
            f"{name} has the extension of Parquet, but is {description or 'not'}. Export it again, or fix its name."
        )
    wide = encoding_of(head, encoding).startswith(("utf-16", "utf-32", "utf16", "utf32"))
    if description is None and b"\0" in head and not wide:
        description = "binary, or UTF-16 without a byte-order mark (then give its encoding, as utf-16-le)"
    if description:
        raise VolantError(f"{name} is {description}. Allowed: CSV, TSV, JSON Lines or Parquet, also compressed.")
    begins = decoded(head, encoding_of(head, encoding)).lstrip()
    if suffixes and FORMATS[suffixes[-1]] in ("csv", "conll"):
        return FORMATS[suffixes[-1]]
    if re.match(r"\[\s*(\{|\[|\]\s*$)", begins):
        return "array"
    return "jsonl" if suffixes or begins.startswith("{") else None


def decoded(head: bytes, encoding: str) -> str:
    """Return the beginning of a file as text, without a truncated character at its end."""
    return codecs.getincrementaldecoder(encoding)("ignore").decode(head)


def is_table(head: str, delimiter: str, names: Collection[str], form: Format) -> bool:
    r"""Return True if lines of text are rows of a table: as many cells in all, and column names or tabs.

    Args:
        head: Beginning of the file.
        delimiter: Delimiter that its first rows agree on.
        names: Names of the column of the text.
        form: Format of the file as far as the user gave it.

    Example:
        >>> is_table("id,text\n1,fine\n", ",", ["text"], Format())
        True
        >>> is_table("well, well\nfine, then\n", ",", ["text"], Format())
        False
    """
    rows = sample(head, delimiter, form)
    if not rows or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return False
    first = {cell.strip().casefold() for cell in rows[0]}
    return delimiter == "\t" or bool(first & ({name.casefold() for name in names} | TEXT_NAMES))


def sample(head: str, delimiter: str, form: Format, most: int = 50) -> list[list[str]]:
    """Return the first complete rows of a file; none if they are broken.

    Args:
        head: Beginning of the file.
        delimiter: Delimiter of the cells.
        form: Format of the file as far as the user gave it.
        most: Number of rows.
    """
    try:
        reader = csv.reader(_whole_lines(head), delimiter=delimiter, **quoting(form.quote, form.escape))
        return [row for row in islice(reader, most) if row]
    except csv.Error:
        return []


def find_escape(head: str, delimiter: str, form: Format) -> str | None:
    r"""Return a backslash if the first rows can only be read with it before quotes that belong to a cell; else None.

    Args:
        head: Beginning of the file.
        delimiter: Delimiter of the cells.
        form: Format of the file as far as the user gave it.

    Example:
        >>> find_escape('text,label\n"he said \\"well\\", and left",good\n', ",", Format())
        '\\'
        >>> find_escape('text,label\n"he said ""well"", and left",good\n', ",", Format()) is None
        True
    """
    if form.quote is None or f"\\{form.quote}" not in head:
        return None
    return "\\" if _broken(head, delimiter, form) and not _broken(head, delimiter, form, "\\") else None


def _broken(head: str, delimiter: str, form: Format, escape: str | None = None) -> bool:
    try:
        rows = [row for row in csv.reader(
            _whole_lines(head), delimiter=delimiter, strict=True, **quoting(form.quote, escape)
        ) if row]  # fmt: skip
    except csv.Error as error:
        return "unexpected end" not in str(error) or len(head) < HEAD // 4  # the sample may end inside a cell
    return any(len(row) != len(rows[0]) for row in rows)


def _whole_lines(head: str) -> list[str]:
    """Return the complete lines of a sample."""
    lines = list(io.StringIO(head, newline=""))
    return lines[:-1] if len(lines) > 1 and not head.endswith(("\n", "\r")) else lines


def encoding_of(head: bytes, encoding: str | None = None) -> str:
    """Return the user's encoding, else that of the byte-order mark, else UTF-8; never a guess.

    Raises:
        VolantError: If the user's is unknown.

    Example:
        >>> encoding_of(b"text"), encoding_of("text".encode("utf-16"))
        ('utf-8', 'utf-16')
    """
    marked = next((encoding for mark, encoding in MARKS if head.startswith(mark)), None)
    if encoding is None:
        return marked or "utf-8"
    try:
        normal = codecs.lookup(encoding).name
    except LookupError as error:
        raise VolantError(
            f"encoding '{encoding}' is unknown. Try utf-8, latin-1, cp1252, utf-16, shift_jis or gb18030."
        ) from error
    return "utf-8-sig" if normal == "utf-8" and marked == "utf-8-sig" else normal


def delimiter_of(name: str, head: bytes, form: Format) -> str:
    """Return the delimiter of Excel's first line, else of the extension (.tsv), else that on which rows agree best.

    Args:
        name: Name of the file, for its extension.
        head: First bytes of the file.
        form: Format of the file as far as the user gave it.
    """
    text = decoded(head, form.encoding or "utf-8")
    first, _, _ = text.partition("\n")
    if excel := EXCEL.fullmatch(first.rstrip("\r").strip('"')):
        return excel[1]
    return "\t" if ".tsv" in name.lower() else sniff_delimiter(text, form.quote)


def sniff_delimiter(head: str, quote: str | None = '"') -> str:
    r"""Return the delimiter with which the first rows agree best on the number of cells.

    Example:
        >>> sniff_delimiter("text;label\nWell, well;good\nNo, no, no;bad\n")
        ';'
        >>> sniff_delimiter("text\nonly one, column\n")
        ','
    """
    lines = _whole_lines(head)

    def score(delimiter: str) -> tuple[float, int]:
        try:
            rows = islice(csv.reader(lines, delimiter=delimiter, **quoting(quote)), 50)
            sizes = [len(row) for row in rows if row] or [0]
        except csv.Error:
            return 0, 0
        return (sizes.count(sizes[0]) / len(sizes), sizes[0]) if sizes[0] > 1 else (0, 0)

    return max(DELIMITERS, key=score)


def quoting(quote: str | None, escape: str | None = None) -> dict[str, Any]:
    """Return the arguments of `csv.reader` for a quote character, or for none, and for an escape character."""
    return {"escapechar": escape} | ({"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE, "quotechar": None})
