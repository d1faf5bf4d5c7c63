"""The documents of an uploaded file, one by one, each with its first line; nothing in the file is executed.

The file is read like any other (`volant.sources.texts`). A line, or a row of a table, is limited to `max_line`
characters.
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
# Parquet is excluded: the page headers of a file determine how much memory it takes
KINDS = ("lines", "csv", "jsonl", "array", "manifest", "conll")
GROWTH = 20  # a compressed file may grow by this factor at most


@dataclass(frozen=True)
class Bounds:
    """Limits on reading a file.

    Attributes:
        line: Maximum number of characters of a line, or of a row of a table; a longer one ends the reading.
        decompressed: Maximum size in bytes of a compressed file after decompression; None: no limit.
        between: Called before each block is read; an exception that it raises ends the reading.
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
    """Yield the line number (from 1) and the text of each document, in constant memory.

    Args:
        path: The file.
        form: Format of the file; detected if None.
        column: Column or key that holds the text.
        written: Options of the file that are set explicitly: the fields of `Options`.
        name: Name that the sender gave the file; its extension helps to detect the format.
        bounds: Limits on reading.

    Raises:
        VolantError: If a line can't be read; the message names it.
    """
    options = Options(**{**(written or {}), "format": form})
    file_form = replace(options.form(), max_line=bounds.line)
    reading = Reading(
        (column,), file_form, opener=refuse, kinds=KINDS, most_bytes=bounds.decompressed, between=bounds.between
    )
    try:
        yield from numbered_texts(str(path), safe_name(name), reading)
    except VolantError as error:
        raise VolantError(str(error).replace(str(path), "The file").replace("`max_line`", SETTING)) from error


def safe_name(name: str) -> str:
    """Return the last part of a file's name, for its extension and for messages.

    Example:
        >>> safe_name("s3://bucket/a/reviews.CSV"), safe_name("../up"), safe_name("")
        ('reviews.CSV', 'up', 'The file')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(character for character in last[-100:] if character.isprintable()) or "The file"
