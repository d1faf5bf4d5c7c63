"""A user's file of unknown form: the form is detected, and reported where not certain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from volant.sources.files import opened, read_sheet_of
from volant.sources.formats import Format, Sheet, detect
from volant.sources.formats.header import COMPREHEND, first_rows, is_comprehend


@dataclass(frozen=True)
class Loaded:
    """A user's file.

    Attributes:
        sheet: Its rows, with a sentence on what it was found to be.
        form: How it is written, as config has it.
        notes: What to know, a sentence each.
    """

    sheet: Sheet
    form: Format
    notes: tuple[str, ...]

    @property
    def table(self) -> pa.Table:
        """Its rows, without those that the file itself says are none."""
        good = [line not in self.sheet.failed for line in self.sheet.lines]
        return self.sheet.table.filter(pa.array(good, pa.bool_())) if self.sheet.failed else self.sheet.table


def load(path: str, form: Format, labels: Sequence[str] = ()) -> Loaded:
    """Read a file.

    Fails with `VolantError` if it can't be read, or its encoding is neither given, marked, UTF-8 nor plainly western.

    Args:
        path: Local or remote.
        form: What is known of it.
        labels: Columns of the label that are given, which a manifest has as attributes.
    """
    known = replace(form, western=True)
    notes: tuple[str, ...] = ()
    if not form.header and (header := _comprehend(path, known)):
        known = replace(known, header=header)
        notes = (f"Header: read as {COMPREHEND}. If its first row is a header, give --header with its names.",)
    sheet = read_sheet_of(path, known, labels)
    found = sheet.detected
    if found.why:
        said = f"Encoding: not UTF-8, read as {found.form.encoding} ({found.why})."
        notes += (f"{said} If that looks wrong, give --encoding.",)
    notes += tuple(f"Line {line} of {path} is skipped: {why}." for line, why in list(sheet.failed.items())[:5])
    encoding = found.form.encoding if found.why else form.encoding
    delimiter, escape = (found.form.delimiter, found.form.escape) if found.kind == "csv" else (None, None)
    written = replace(known, encoding=encoding, delimiter=delimiter, escape=escape)
    return Loaded(sheet, written, notes)


def _comprehend(path: str, form: Format) -> list[str] | None:
    with opened(path) as raw:
        found = detect(raw, path, form)
        if found.kind == "csv" and is_comprehend(first_rows(raw, path, found.form), "|", (), ()):
            return ["label", "text"]
    return None
