"""A user's file of unknown format: the format is detected, and reported if it is not certain."""

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
        sheet: Its rows, with its detected format.
        form: Its format, as for config.
        notes: Notes for the user, a sentence each.
    """

    sheet: Sheet
    form: Format
    notes: tuple[str, ...]

    @property
    def table(self) -> pa.Table:
        """Its rows, without those that the file itself marks as failed."""
        good = [line not in self.sheet.failed for line in self.sheet.lines]
        return self.sheet.table.filter(pa.array(good, pa.bool_())) if self.sheet.failed else self.sheet.table


def load(path: str, form: Format, labels: Sequence[str] = ()) -> Loaded:
    """Read a file.

    Fails with `VolantError` if it can't be read, or its encoding is neither given, marked, UTF-8 nor clearly western.

    Args:
        path: Local path or address.
        form: Format of the file; what it leaves open is detected.
        labels: Columns of the label that the user gave, which are attributes in a manifest.
    """
    options = replace(form, western=True)
    notes: tuple[str, ...] = ()
    if not form.header and (header := _comprehend(path, options)):
        options = replace(options, header=header)
        notes = (f"Header: read as {COMPREHEND}. If its first row is a header, give --header with its names.",)
    sheet = read_sheet_of(path, options, labels)
    detected = sheet.detected
    if detected.why:
        message = f"Encoding: not UTF-8, read as {detected.form.encoding} ({detected.why})."
        notes += (f"{message} If that looks wrong, give --encoding.",)
    failures = list(sheet.failed.items())[:5]
    notes += tuple(f"Line {line} of {path} is skipped: {reason}." for line, reason in failures)
    own = replace(options, encoding=detected.form.encoding if detected.why else form.encoding)
    if detected.kind == "csv":
        return Loaded(sheet, replace(own, delimiter=detected.form.delimiter, escape=detected.form.escape), notes)
    return Loaded(sheet, replace(own, delimiter=None, escape=None), notes)


def _comprehend(path: str, form: Format) -> list[str] | None:
    with opened(path) as raw:
        detected = detect(raw, path, form)
        if detected.kind == "csv" and is_comprehend(first_rows(raw, path, detected.form), "|", (), ()):
            return ["label", "text"]
    return None
