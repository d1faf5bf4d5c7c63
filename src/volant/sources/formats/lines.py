"""Lines of text from bytes, bounded in length, with errors that name the line."""

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from volant.errors import VolantError

MAX_LINE = 1048576


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a text file; what is None is detected.

    Attributes:
        delimiter: Delimiter between the cells of a row.
        quote: Quote around a cell with a delimiter or a line end; None if quotes are ordinary characters.
        encoding: Python's name of the encoding, which is binding; None to detect it by byte-order mark, then UTF-8 if
            every byte is, then `fallback`.
        header: Names of the columns, if the first line is data.
        max_line: Largest number of characters of a row.
        escape: Character before a quote or delimiter that is part of a cell, as Spark and MySQL write it.
        fallback: Encoding of the flywheel's source, for a file that is not UTF-8.
        western: True if a file that is not UTF-8 may be read as cp1252, if it looks like a western language.
        kind: `csv`, `jsonl`, `parquet`, `conll` or `lines`, if the extension is not to decide.
        tags: Columns of tags of tokens, by preference.
        documents: File or folder of the documents that an annotation file of Amazon Comprehend refers to.
    """

    delimiter: str | None = None
    quote: str | None = '"'
    encoding: str | None = None
    header: list[str] | None = None
    max_line: int = MAX_LINE
    escape: str | None = None
    fallback: str | None = None
    western: bool = False
    kind: str | None = None
    tags: Sequence[str] = ()
    documents: str | None = None


def read_lines(data: BinaryIO, name: str, form: Format) -> Iterator[str]:
    """Yield the lines with their ends, each up to `max_line` characters; decoding errors name line and byte.

    Args:
        data: Decompressed bytes.
        name: Name of the file for messages.
        form: Its format.
    """
    encoding = form.encoding or "utf-8"
    max_line = form.max_line
    text = io.TextIOWrapper(data, encoding=encoding, newline="")
    try:
        yield from _bounded(text, name, encoding, max_line)
    finally:
        with suppress(ValueError):  # the caller closes the bytes
            text.detach()


def _bounded(text: io.TextIOWrapper, name: str, encoding: str, max_line: int) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(max_line + 1)
        except UnicodeDecodeError as error:
            # All earlier lines were yielded: the content before the bad byte begins in this line.
            bad = number + error.object[: error.start].count(b"\n")
            raise VolantError(_wrong_encoding(name, bad, encoding, error)) from error
        except UnicodeError as error:
            raise VolantError(
                f"{name} is not {encoding} ({error}). Name its encoding: `encoding: utf-16-le`."
            ) from error
        if not line:
            return
        if len(line) > max_line:
            raise VolantError(
                f"{name}, line {number}: longer than {max_line:,} characters. Is this the right file? "
                "Write one row per line, or raise `max_line`."
            )
        if "\0" in line:
            raise VolantError(f"{name}, line {number}: contains a NUL character: the file is binary or damaged here.")
        yield line


def _wrong_encoding(name: str, line: int, encoding: str, error: UnicodeDecodeError) -> str:
    marks = ", utf-8-sig, utf-16 and utf-32 by their byte-order marks"
    tried = f"utf-8{marks}" if encoding.startswith("utf-8") else encoding
    return (
        f"{name}, line {line}: byte 0x{error.object[error.start]:02x} can't be read (tried: {tried}). "
        "Name the encoding of the export by --encoding or `encoding:`, such as latin-1, cp1252, shift_jis, gb18030."
    )
