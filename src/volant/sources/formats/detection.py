"""The detection of a file's format from its content: for training data, for files to predict, and for jobs."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import BinaryIO

from volant.errors import VolantError
from volant.sources.formats import conll, documents, manifest, slots
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
    "lines": "one text per line",
    "manifest": manifest.FORMAT,
    "conll": "columns of tokens and tags",
    "slots": "seq.in, seq.out and label",
    "document": "JSON of intents and slots (Snips, Rasa)",
}
SIGNS = {"\t": "tab", " ": "space"}


@dataclass(frozen=True, slots=True)
class Detected:
    """The detected format of a file.

    Attributes:
        kind: `csv`, `jsonl`, `array` (of JSON objects), `document` (one object with all rows), `manifest`, `parquet`,
            `conll` (tokens and tags), `slots` (seq.in, seq.out and label), or `lines` (one text per line).
        form: Its complete format.
        why: Reason for the encoding, if it was not clear.
    """

    kind: str
    form: Format
    why: str = ""

    @property
    def words(self) -> str:
        """The format as text, with everything unusual.

        Example:
            >>> Detected("csv", Format(delimiter=";", encoding="cp1252"), "as the flywheel's source").words
            "CSV, delimiter ';', encoding cp1252 (as the flywheel's source)"
        """
        form = self.form
        parts = [WORDS[self.kind]]
        if self.kind == "csv" and form.delimiter != ",":
            parts.append(f"delimiter {SIGNS.get(form.delimiter or '', repr(form.delimiter))}")
        if self.kind == "conll" and form.header:
            parts.append(" ".join(form.header))
        if self.kind == "lines" and form.header:
            parts.append(f"after the header '{form.header[0]}'")
        if self.kind == "csv" and form.escape:
            parts.append(f"escape '{form.escape}'")
        if self.kind != "parquet" and form.encoding not in (None, "utf-8", "utf-8-sig"):
            parts.append(f"encoding {form.encoding}" + (f" ({self.why})" if self.why else ""))
        return ", ".join(parts)


def detect(raw: BinaryIO, name: str, form: Format, texts: Collection[str] | None = None) -> Detected:
    """Detect a file's compression, format, encoding, delimiter and escape, as far as `form` leaves them open.

    Args:
        raw: Seekable bytes, compressed or not; rewound.
        name: Path or address, for its extension and for messages.
        form: Format of the file as far as the user gave it, which is binding.
        texts: Names of the column of the text, if the file may also have one text per line; None if it is a table.

    Raises:
        VolantError: If it is empty (a table only), binary, or in an unclear encoding.
    """
    head = decompressed(raw).read(HEAD)
    raw.seek(0)
    own = encoding_of(b"", form.fallback)
    kind = form.kind or format_of(name, head, form.encoding or (None if extends_ascii(own) else own))
    if not head.strip() and (texts is None or kind == "csv"):
        raise VolantError(f"{name} is empty. Expected rows as CSV, TSV, JSON Lines or Parquet.")
    if kind == "parquet":
        return Detected(kind, form)
    encoding = find_encoding(raw, name, form)
    form = replace(form, encoding=encoding.name)
    text = decoded(head, encoding.name)
    if texts is None and slots.is_slots(name):
        return Detected("slots", form, encoding.why)
    if kind in (None, "csv", "conll") and (columns := _token_columns(name, text, form, kind)):
        return Detected("conll", columns, encoding.why)
    kind = kind or ("csv" if texts is None or _is_table(name, head, text, form, texts) else "lines")
    if kind == "lines" and form.kind is None and texts is not None:
        form = replace(form, header=_title(text, texts))
    if kind == "csv":
        form = replace(form, delimiter=form.delimiter or delimiter_of(name, head, form))
        form = replace(form, escape=form.escape or find_escape(text, form.delimiter or ",", form))
    return Detected(_kind_of_objects(text) if kind == "jsonl" else kind, form, encoding.why)


def _kind_of_objects(text: str) -> str:
    """Return the kind of a file that begins with a JSON object."""
    if manifest.is_manifest(text):
        return "manifest"
    return "document" if documents.is_document(text) else "jsonl"


def _token_columns(name: str, text: str, form: Format, kind: str | None) -> Format | None:
    """Return the format of a file of tokens and tags with its columns; None for any other.

    Raises:
        VolantError: If it is said to be one, and has no column of tags.
    """
    named = form.header if kind == "conll" else None
    if form.header and not named:
        return None
    if layout := conll.layout(text, named):
        delimiter, header = layout
        return replace(form, delimiter=delimiter, header=header)
    if kind == "conll":
        raise VolantError(
            f"{name}: no columns of tokens and tags. Expected a token and its tag (O, B-PER, I-PER …) on each line, "
            "with as many columns on every line, and a blank line between sentences. Name the columns in their order "
            "with --header, as in --header tokens,pos,tags."
        )
    return None


def _is_table(name: str, head: bytes, text: str, form: Format, texts: Collection[str]) -> bool:
    """Return True for a table, False for one text per line, if the extension doesn't tell."""
    if form.header or form.delimiter:  # only a table has them
        return True
    return is_table(text, delimiter_of(name, head, form), texts, form)


def _title(text: str, texts: Collection[str]) -> list[str] | None:
    """Return the first line of texts if it is only the name of a column; else None."""
    line = text.lstrip("\ufeff").partition("\n")[0].strip().strip('"')
    return [line] if line.casefold() in {name.casefold() for name in texts} else None
