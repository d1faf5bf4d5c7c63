"""The format of a file, as the options of a command or the fields of a request give it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from volant.errors import VolantError
from volant.sources.formats.lines import Format

NAMED = {"tab": "\t", r"\t": "\t", "none": ""}
KINDS = {"lines": "lines", "csv": "csv", "tsv": "csv", "jsonl": "jsonl", "json": "array", "parquet": "parquet"}


@dataclass(frozen=True)
class Options:
    r"""The options of every command that reads a file, under the same names; what is left out is detected.

    Attributes:
        encoding: Python's name of it; an order.
        delimiter: One character; a tab also as `tab` or `\t`.
        quote: One character; `none`: quotes mean nothing.
        escape: One character that stands before a quote inside of a cell; `none`: there is none.
        header: Names of the columns, separated by commas, where the first row is none.
        format: See `KINDS`.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    header: str | None = None
    format: str | None = None

    def form(self, source: Mapping[str, Any] | None = None, western: bool = True) -> Format:
        r"""The format of a file, as far as it is known.

        Args:
            source: Of the flywheel: how its own files are written; its encoding is only tried.
            western: Whether a file that is not UTF-8 may be taken for Windows' western encoding.

        Raises:
            VolantError: If a sign has several characters, or the format is not known.

        Example:
            >>> form = Options(delimiter="tab", quote="none", header="text, label").form()
            >>> form.delimiter, form.quote, form.header
            ('\t', None, ['text', 'label'])
        """
        source = source or {}
        if self.format is not None and self.format not in KINDS:
            raise VolantError(f"--format {self.format} is not known. Allowed: {', '.join(KINDS)}.")
        delimiter = "\t" if self.format == "tsv" and self.delimiter is None else self.delimiter
        names = [name.strip() for name in self.header.split(",")] if self.header else None
        return Format(
            delimiter=_sign("delimiter", delimiter, "tab"),
            quote=source.get("quote", '"') if self.quote is None else _sign("quote", self.quote, "none"),
            encoding=self.encoding,
            header=names,
            max_line=source.get("max_line", Format().max_line),
            escape=source.get("escape") if self.escape is None else _sign("escape", self.escape, "none"),
            fallback=source.get("encoding"),
            western=western,
            kind=KINDS[self.format] if self.format else None,
        )


def parse_where(given: list[str]) -> dict[str, list[str]]:
    """Column to the values that a row must have, as `--where COLUMN=VALUE,VALUE` says it.

    Raises:
        VolantError: If it names no column or no value.

    Example:
        >>> parse_where(["answer=accept", "lang=de, en"])
        {'answer': ['accept'], 'lang': ['de', 'en']}
    """
    found: dict[str, list[str]] = {}
    for one in given:
        column, sign, values = one.partition("=")
        names = [value.strip() for value in values.split(",") if value.strip()]
        if not (sign and column.strip() and names):
            raise VolantError(f"--where '{one}' is not COLUMN=VALUE. Give one such as answer=accept, or lang=de,en.")
        found.setdefault(column.strip(), []).extend(names)
    return found


def _sign(option: str, given: str | None, word: str) -> str | None:
    sign = NAMED.get(given, given) if given is not None else None
    if sign and (len(sign) > 1 or re.match(r"[\r\n\0]", sign)):
        raise VolantError(f"--{option} '{given}' is too long. Allowed: one character, or `{word}`.")
    return sign or None
