"""The encoding of a file, detected from all of it before its first row is used."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from volant.errors import VolantError
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.sniff import HEAD, decompressed, encoding_of
from volant.sources.formats.western import western

BLOCK = 1 << 17
ASCII = bytes(range(32, 127))
CELLS = re.compile(r'[",;|:{}\t]+')  # roughly; with other cells in ASCII, another script would look western


@dataclass(frozen=True, slots=True)
class Encoding:
    """Python's name of an encoding, and the reason for it, unless the user gave it, a mark has it, or it is UTF-8."""

    name: str
    why: str = ""


def find_encoding(raw: BinaryIO, name: str, form: Format) -> Encoding:
    """Return the encoding of a file: the user's, its byte-order mark's, UTF-8 if valid, its source's, or western.

    Fails with `VolantError` if none fits; the message names the line with the byte that UTF-8 can't read.

    Args:
        raw: Seekable bytes, compressed or not; rewound.
        name: Path or address, for messages.
        form: Format of the file as far as the user gave it.
    """
    head = decompressed(raw).read(HEAD)
    raw.seek(0)
    encoding = encoding_of(head, form.encoding)
    if form.encoding or encoding != "utf-8":
        return Encoding(encoding)
    source = encoding_of(b"", form.fallback)
    if not extends_ascii(source):
        return Encoding(source, "as the flywheel's source")
    if _is_utf8(raw):
        return Encoding("utf-8")
    if form.fallback:
        return Encoding(source, "as the flywheel's source")
    return _western(raw, name, form)


def extends_ascii(encoding: str) -> bool:
    """Return True if ASCII is the same in an encoding; bytes of another one may be valid UTF-8 by chance.

    Example:
        >>> extends_ascii("cp1252"), extends_ascii("utf-16-le")
        (True, False)
    """
    if encoding in ("utf-7", "hz") or encoding.startswith("iso2022"):
        return False
    try:
        return ASCII.decode(encoding) == ASCII.decode("ascii")
    except (UnicodeError, LookupError):
        return False


def _is_utf8(raw: BinaryIO) -> bool:
    """Return True if every byte is UTF-8; thus one near the end is reported before an hour's work, not after."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    data = decompressed(raw)
    try:
        while block := data.read(BLOCK):
            if not (block.isascii() and decoder.getstate()[0] == b""):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        raw.seek(0)
    return True


def _western(raw: BinaryIO, name: str, form: Format) -> Encoding:
    """Return Windows' western encoding, if the text then looks like a western language, else UTF-8.

    Raises:
        VolantError: If the file is not UTF-8 either, or the western encoding must not be guessed; the message has it.
    """
    try:
        example = western(chain.from_iterable(map(CELLS.split, _lines(raw, name, form, "cp1252"))))
    except VolantError:  # a byte without a meaning in it
        example = None
    if example is not None and form.western:
        raw.seek(0)
        return Encoding("cp1252", f"'{example}'")
    try:
        for _ in _lines(raw, name, form, "utf-8"):
            pass
    except VolantError as error:
        hint = f" It looks like cp1252 ('{example}'): --encoding cp1252." if example is not None else ""
        raise VolantError(f"{error}{hint}") from error.__cause__
    raw.seek(0)
    return Encoding("utf-8")


def _lines(raw: BinaryIO, name: str, form: Format, encoding: str) -> Iterator[str]:
    raw.seek(0)
    yield from read_lines(decompressed(raw), name, Format(encoding=encoding, max_line=form.max_line))
