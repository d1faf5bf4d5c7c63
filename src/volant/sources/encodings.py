"""The encoding of a file that is too large to hold: looked for in all of it before its first row is used."""

import codecs
import re
from collections.abc import Iterator

from volant.errors import VolantError
from volant.sources.files import opened
from volant.sources.formats import Format
from volant.sources.formats.lines import read_lines
from volant.sources.formats.sniff import decompressed
from volant.sources.formats.western import western

BLOCK = 1 << 20
CELLS = re.compile(r'[",;|:{}\t]+')  # roughly: names of columns and other cells would thin out another script


def is_utf8(path: str) -> bool:
    """Whether every byte is: a bad one near the end is told before an hour's work, not after."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with opened(path) as raw:
            data = decompressed(raw)
            while block := data.read(BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def other_than_utf8(path: str, form: Format, fallback: str | None) -> tuple[str, str]:
    """The encoding of a file that is not UTF-8, and why: the one expected, else Windows' western where it looks so.

    Raises:
        VolantError: If neither fits; names the line with the byte that UTF-8 can't read.
    """
    if fallback:
        return fallback, "as the flywheel's source"
    try:
        example = western(piece for line in _lines(path, form, "cp1252") for piece in CELLS.split(line))
    except VolantError:  # a byte that means nothing in it
        example = None
    if example is None:
        for _ in _lines(path, form, "utf-8"):
            pass
    return "cp1252", f"'{example}'"


def _lines(path: str, form: Format, encoding: str) -> Iterator[str]:
    as_if = Format(encoding=encoding, max_line=form.max_line)
    with opened(path) as raw:
        yield from read_lines(decompressed(raw), path, as_if)
