"""The documents of a file that somebody sent, one after the other with the line where each begins; nothing is run.

Read as every other file is (`volant.sources.texts`); a line, and a row of a table, is only ever held up to `max_line`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from volant.errors import VolantError
from volant.sources.formats import refuse
from volant.sources.formats.options import Options
from volant.sources.texts import Reading, numbered_texts

Form = Literal["lines", "csv", "tsv", "jsonl", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
# Parquet is not: its pages say themselves how much memory they take
KINDS = ("lines", "csv", "jsonl", "array", "manifest")
GROWTH = 20  # times as large as it came may a compressed file become


def documents(
    path: Path,
    form: Form | None = None,
    column: str = "text",
    written: Mapping[str, str] | None = None,
    name: str = "",
    most_bytes: int | None = None,
) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each document, in constant memory; the file's form is found.

    Args:
        path: The file.
        form: What it is, if that is given.
        column: Column or key that holds the text.
        written: How it is written, as far as that is given: the fields of `Options`.
        name: What its sender calls it: its extension counts.
        most_bytes: That it may have when it is decompressed.

    Raises:
        VolantError: If a line can't be read; names it.
    """
    options = Options(**{**(written or {}), "format": form})
    reading = Reading((column,), options.form(), opener=refuse, kinds=KINDS, most_bytes=most_bytes)
    try:
        yield from numbered_texts(str(path), safe_name(name), reading)
    except VolantError as error:
        raise VolantError(str(error).replace(str(path), "The file")) from error


def safe_name(name: str) -> str:
    """The last part of a file's name, for its extension and for messages.

    Example:
        >>> safe_name("s3://bucket/a/reviews.CSV"), safe_name("../up"), safe_name("")
        ('reviews.CSV', 'up', 'The file')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(character for character in last[-100:] if character.isprintable()) or "The file"
