"""A user's file with nothing known of it: delimiter and encoding are found, and told where not certain."""

from dataclasses import replace
from itertools import chain

import pyarrow as pa

from volant.errors import VolantError
from volant.sources.files import opened, read_file
from volant.sources.formats import Format, detect
from volant.sources.formats.western import western


def form_of(encoding: str | None, delimiter: str | None, quote: str, header: str | None) -> Format:
    r"""The format as the options of the command say it; what they leave open is found out.

    Args:
        encoding: Python's name of it.
        delimiter: One character; a tab also as `tab` or `\\t`.
        quote: One character; nothing or `none`: quotes mean nothing.
        header: Names of the columns, parted by commas.

    Example:
        >>> form = form_of(None, "tab", "none", "text, label")
        >>> form.delimiter, form.quote, form.header
        ('\t', None, ['text', 'label'])

    Raises:
        VolantError: If delimiter or quote is longer.
    """
    delimiter = "\t" if delimiter in ("tab", r"\t") else delimiter
    quote = "" if quote == "none" else quote
    for option, sign, word in (("delimiter", delimiter or "", "tab"), ("quote", quote, "none")):
        if len(sign) > 1:
            raise VolantError(f"--{option} '{sign}' is too long. Allowed: one character, or `{word}`.")
    names = [name.strip() for name in header.split(",")] if header else None
    return Format(delimiter or None, quote or None, encoding, names)


def load(path: str, form: Format) -> tuple[pa.Table, Format, list[str]]:
    """Read a file.

    Args:
        path: Local or remote.
        form: What is known of it.

    Returns:
        The table, the format to write down, and warnings.

    Raises:
        VolantError: If it can't be read, or its encoding is neither given, marked, UTF-8 nor plainly western.
    """
    notes = []
    try:
        table = read_file(path, form)
    except VolantError as error:
        if form.encoding or not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        form = replace(form, encoding="cp1252")
        table, notes = _read_western(path, form, error)
    return table, replace(form, delimiter=delimiter(path, form)), notes


def delimiter(path: str, form: Format) -> str | None:
    """The delimiter of a file; None if it has none."""
    with opened(path) as raw:
        kind, form = detect(raw, path, form)
    return form.delimiter if kind == "csv" else None


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
