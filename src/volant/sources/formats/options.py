"""The format of a file, by the options of a command or the fields of a request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from volant.errors import VolantError
from volant.sources.formats.lines import Format

SIGN_NAMES = {"tab": "\t", r"\t": "\t", "none": ""}
KINDS = {
    "lines": "lines", "csv": "csv", "tsv": "csv", "jsonl": "jsonl", "json": "array", "parquet": "parquet",
    "conll": "conll",
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    r"""The options of every command that reads a file, under the same names; the others are detected.

    Attributes:
        encoding: Python's name of the encoding, which is binding.
        delimiter: One character; a tab also as `tab` or `\t`.
        quote: One character; `none` if quotes are ordinary characters.
        escape: One character that precedes a quote inside a cell; `none` if there is none.
        header: Names of the columns, separated by commas, if there is no header row.
        format: A key of `KINDS`.
        documents: File or folder of the documents of an annotation file.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    header: str | None = None
    format: str | None = None
    documents: str | None = None

    def form(self, source: Mapping[str, Any] | None = None, western: bool = True) -> Format:
        r"""Return the format of a file, as far as it is known.

        Args:
            source: Config of the flywheel's source, with the format of its own files; its encoding is only a fallback.
            western: True if a file that is not UTF-8 may be read in Windows' western encoding.

        Raises:
            VolantError: If a sign has several characters, or the format is unknown.

        Example:
            >>> form = Options(delimiter="tab", quote="none", header="text, label").form()
            >>> form.delimiter, form.quote, form.header
            ('\t', None, ['text', 'label'])
        """
        source = source or {}
        if self.format is not None and self.format not in KINDS:
            raise VolantError(f"--format {self.format} is unknown. Allowed: {', '.join(KINDS)}.")
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
            documents=self.documents or source.get("documents"),
        )


def parse_where(arguments: list[str]) -> dict[str, list[str]]:
    """Return column → values that a row must have, from `--where COLUMN=VALUE,VALUE`.

    Raises:
        VolantError: If a column or a value is missing.

    Example:
        >>> parse_where(["answer=accept", "lang=de, en"])
        {'answer': ['accept'], 'lang': ['de', 'en']}
    """
    result: dict[str, list[str]] = {}
    for argument in arguments:
        column, sign, values = argument.partition("=")
        names = [value.strip() for value in values.split(",") if value.strip()]
        if not (sign and column.strip() and names):
            raise VolantError(
                f"--where '{argument}' is not COLUMN=VALUE. Give one such as answer=accept, or lang=de,en."
            )
        result.setdefault(column.strip(), []).extend(names)
    return result


def _sign(option: str, value: str | None, word: str) -> str | None:
    sign = SIGN_NAMES.get(value, value) if value is not None else None
    if sign and (len(sign) > 1 or re.match(r"[\r\n\0]", sign)):
        raise VolantError(f"--{option} '{value}' is too long. Allowed: one character, or `{word}`.")
    return sign or None
