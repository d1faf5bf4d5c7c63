"""The documents of a file that somebody sent, one after the other with the line where each begins; nothing is run.

Read as every other file is (`volant.sources.texts`); a line, and a row of a table, is only ever held up to `max_line`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from volant.errors import VolantError
from volant.sources.formats import MAX_LINE, refuse
from volant.sources.formats.options import Options
from volant.sources.texts import Reading, numbered_texts

Form = Literal["lines", "csv", "tsv", "jsonl", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
SETTING = "jobs.line_characters"
# Parquet is not: its pages say themselves how much memory they take
KINDS = ("lines", "csv", "jsonl", "array", "manifest")
GROWTH = 20  # times as large as it came may a compressed file become


@dataclass(frozen=True)
class Bounds:
    """What reading a file may cost.

    Attributes:
        line: Characters that a line, or a row of a table, may have; a longer one ends the reading.
        decompressed: Bytes that a compressed file may have when it is decompressed; None: any number.
        between: Called before each block that is read; what it raises ends the reading.
    """

    line: int = MAX_LINE
    decompressed: int | None = None
    between: Callable[[], object] | None = None


def documents(
    path: Path,
    form: Form | None = None,
    column: str = "text",
    written: Mapping[str, str] | None = None,
    name: str = "",
    bounds: Bounds = Bounds(),
) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and text of each document, in constant memory; the file's form is found.

    Args:
        path: The file.
        form: What it is, if that is given.
        column: Column or key that holds the text.
        written: How it is written, as far as that is given: the fields of `Options`.
        name: What its sender calls it: its extension counts.
        bounds: What reading it may cost.

    Raises:
        VolantError: If a line can't be read; names it.
    """
    options = Options(**{**(written or {}), "format": form})
    known = replace(options.form(), max_line=bounds.line)
    reading = Reading(
        (column,), known, opener=refuse, kinds=KINDS, most_bytes=bounds.decompressed, between=bounds.between
    )
    try:
        yield from numbered_texts(str(path), safe_name(name), reading)
    except VolantError as error:
        raise VolantError(str(error).replace(str(path), "The file").replace("`max_line`", SETTING)) from error


def safe_name(name: str) -> str:
    """The last part of a file's name, for its extension and for messages.

    Example:
        >>> safe_name("s3://bucket/a/reviews.CSV"), safe_name("../up"), safe_name("")
        ('reviews.CSV', 'up', 'The file')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(character for character in last[-100:] if character.isprintable()) or "The file"
