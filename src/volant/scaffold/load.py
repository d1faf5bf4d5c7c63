"""A user's file with nothing known of it: delimiter and encoding are found, and told where not certain."""

from dataclasses import replace
from itertools import chain

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.files import opened, read_file
from volant.sources.formats import Format, detect
from volant.sources.formats.western import western


def load(path: str, encoding: str | None) -> tuple[pa.Table, Format, list[str]]:
    """Read a file.

    Returns:
        The table, the format to write down, and warnings.

    Raises:
        VolantError: If it can't be read, or its encoding is neither given, marked, UTF-8 nor plainly western.
    """
    form, notes = Format(encoding=encoding), []
    try:
        table = read_file(path, form)
    except VolantError as error:
        if encoding or not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        form = Format(encoding="cp1252")
        table, notes = _read_western(path, form, error)
    return table, replace(form, delimiter=delimiter(path, form)), notes


def delimiter(path: str, form: Format) -> str | None:
    """The delimiter of a file; None if it has none."""
    with opened(path) as raw:
        return detect(raw, path, form)[1].delimiter


def _read_western(path: str, form: Format, error: VolantError) -> tuple[pa.Table, list[str]]:
    """Read as Windows' western encoding, if what comes out looks like a western language; else ask."""
    try:
        table = read_file(path, form)
    except VolantError:
        raise error from error.__cause__
    texts = (text for column in table.columns for text in column.to_pylist() if isinstance(text, str))
    example = western(chain(table.column_names, texts))
    if example is None:
        raise error
    return table, [f"Encoding: not UTF-8, read as cp1252 ('{example}'). If that looks wrong, give --encoding."]
