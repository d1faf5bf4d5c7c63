"""The detection of a file's format, from all of it: for training data, for files to predict, and for jobs."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import BinaryIO

from volant.errors import VolantError
from volant.sources.formats import manifest
from volant.sources.formats.encodings import extends_ascii, find_encoding
from volant.sources.formats.lines import Format
from volant.sources.formats.sniff import (
    HEAD,
    decoded,
    decompressed,
    delimiter_of,
    encoding_of,
    find_escape,
    format_of,
    is_table,
)

WORDS = {
    "csv": "CSV",
    "jsonl": "JSON Lines",
    "array": "a JSON list",
    "parquet": "Parquet",
    "lines": "one text a line",
    "manifest": manifest.FORMAT,
}
SIGNS = {"\t": "tab", " ": "space"}


@dataclass(frozen=True, slots=True)
class Detected:
    """The detected format of a file.

    Attributes:
        kind: `csv`, `jsonl`, `array` (of JSON objects), `manifest`, `parquet`, or `lines`: a text each.
        form: How it is written; nothing in it is left open.
        why: Why that encoding, where it was not plain.
    """

    kind: str
    form: Format
    why: str = ""

    @property
    def words(self) -> str:
        """The format in words: what is not the usual is named.

        Example:
            >>> Detected("csv", Format(delimiter=";", encoding="cp1252"), "as the flywheel's source").words
            "CSV, delimiter ';', encoding cp1252 (as the flywheel's source)"
        """
        form = self.form
        said = [WORDS[self.kind]]
        if self.kind == "csv" and form.delimiter != ",":
            said.append(f"delimiter {SIGNS.get(form.delimiter or '', repr(form.delimiter))}")
        if self.kind == "lines" and form.header:
            said.append(f"after the header '{form.header[0]}'")
        if self.kind == "csv" and form.escape:
            said.append(f"escape '{form.escape}'")
        if self.kind != "parquet" and form.encoding not in (None, "utf-8", "utf-8-sig"):
            said.append(f"encoding {form.encoding}" + (f" ({self.why})" if self.why else ""))
        return ", ".join(said)


def detect(raw: BinaryIO, name: str, form: Format, texts: Collection[str] | None = None) -> Detected:
    """Detect a file's compression, format, encoding, delimiter and escape, as far as `form` leaves them open.

    Args:
        raw: Seekable bytes, compressed or not; rewound.
        name: Path or address, for its extension and for messages.
        form: What is known of the file; what it says is an order.
        texts: Names of the column that holds the text, where the file may also be one text a line; None: it is a
            table.

    Raises:
        VolantError: If it is empty (a table only), binary, or in an encoding that is not clear.
    """
    head = decompressed(raw).read(HEAD)
    raw.seek(0)
    own = encoding_of(b"", form.fallback)
    kind = form.kind or format_of(name, head, form.encoding or (None if extends_ascii(own) else own))
    if not head.strip() and (texts is None or kind == "csv"):
        raise VolantError(f"{name} is empty. Expected rows as CSV, TSV, JSON Lines or Parquet.")
    if kind == "parquet":
        return Detected(kind, form)
    found = find_encoding(raw, name, form)
    form = replace(form, encoding=found.name)
    text = decoded(head, found.name)
    kind = kind or ("csv" if texts is None or _is_table(name, head, text, form, texts) else "lines")
    if kind == "lines" and form.kind is None and texts is not None:
        form = replace(form, header=_title(text, texts))
    if kind == "csv":
        form = replace(form, delimiter=form.delimiter or delimiter_of(name, head, form))
        form = replace(form, escape=form.escape or find_escape(text, form.delimiter or ",", form))
    if kind == "jsonl" and manifest.is_manifest(text):
        kind = "manifest"
    return Detected(kind, form, found.why)


def _is_table(name: str, head: bytes, text: str, form: Format, texts: Collection[str]) -> bool:
    """Return whether a file whose name does not say so holds a table, not one text per line."""
    if form.header or form.delimiter:  # only a table has them
        return True
    return is_table(text, delimiter_of(name, head, form), texts, form)


def _title(text: str, texts: Collection[str]) -> list[str] | None:
    """The first line of texts where that is only the name of a column."""
    first = text.lstrip("\ufeff").partition("\n")[0].strip().strip('"')
    return [first] if first.casefold() in {name.casefold() for name in texts} else None
