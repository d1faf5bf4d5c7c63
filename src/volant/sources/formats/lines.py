"""Lines of text from bytes, bounded in length, with errors that name the line."""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from volant.errors import VolantError

MAX_LINE = 1048576


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a text file; what is None is detected.

    Attributes:
        delimiter: Between the cells of a row.
        quote: Around a cell that holds a delimiter or a line end; None: quotes mean nothing.
        encoding: Python's name of it, which is an order; None: by byte-order mark, then UTF-8 if every byte is,
            then `fallback`.
        header: Names of the columns where the first line is data already.
        max_line: Characters a row may have.
        escape: Before a quote or delimiter that is part of a cell, as Spark and MySQL write it; None: found.
        fallback: Encoding of the flywheel's source, for a file that is not UTF-8.
        western: Whether a file that is not UTF-8 may be read as cp1252 where it looks like a western language.
        kind: `csv`, `jsonl`, `parquet` or `lines`, where the name of the file is not to decide.
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


def read_lines(data: BinaryIO, name: str, form: Format) -> Iterator[str]:
    """Lines with their ends, each held up to `max_line` characters; decoding errors name line and byte."""
    encoding = form.encoding or "utf-8"
    max_line = form.max_line
    text = io.TextIOWrapper(data, encoding=encoding, newline="")
    try:
        yield from _bounded(text, name, encoding, max_line)
    finally:
        with suppress(ValueError):  # whoever opened the bytes closes them
            text.detach()


def _bounded(text: io.TextIOWrapper, name: str, encoding: str, max_line: int) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(max_line + 1)
        except UnicodeDecodeError as error:
            # All lines before were handed out: what stands before the bad byte begins in this one.
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
                "Write one row a line, or raise `max_line`."
            )
        if "\0" in line:
            raise VolantError(f"{name}, line {number}: holds a NUL character, so the file is binary or damaged there.")
        yield line


def _wrong_encoding(name: str, line: int, encoding: str, error: UnicodeDecodeError) -> str:
    marks = ", utf-8-sig, utf-16 and utf-32 by their byte-order marks"
    tried = f"utf-8{marks}" if encoding.startswith("utf-8") else encoding
    return (
        f"{name}, line {line}: byte 0x{error.object[error.start]:02x} can't be read (tried: {tried}). "
        "Name what the file was exported in, by --encoding or `encoding:`, such as latin-1, cp1252, shift_jis, gb18030."
    )
