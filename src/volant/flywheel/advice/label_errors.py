"""All likely label errors as a CSV that a person corrects and `volant ingest` reads back."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from volant.flywheel.advice.cells import gold_cells, gold_columns
from volant.flywheel.advice.mislabelled import Suspect
from volant.kinds import Kind
from volant.workspace.files import read_table, write_text

FILE = "label_errors.csv"


def label_errors(kind: Kind, table: pa.Table, found: Sequence[Suspect], raw: Mapping[str, str]) -> str:
    """The file's text: a line for each row of train, those with the largest margin first.

    Args:
        kind: Kind of the labels.
        table: Train rows which `found` points into: after cleaning, or before it for kinds of parts.
        found: Likely label errors; of several labels a row, each by itself.
        raw: Text of a row before cleaning, by its id: what ingest would know again.
    """
    gold = kind.gold(table)
    ids = table["id"].to_pylist()
    texts = table["text"].to_pylist()
    by_row: dict[int, list[Suspect]] = {}
    for suspect in found:
        by_row.setdefault(suspect.row, []).append(suspect)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("text", *gold_columns(kind), "likely", "margin", "row"))
    for row, suspects in by_row.items():
        likely = "|".join(suspect.likely for suspect in suspects)
        own = gold_cells(kind, gold[row])
        writer.writerow((raw.get(ids[row], texts[row]), *own, likely, round(suspects[0].margin, 4), ids[row]))
    return buffer.getvalue()


def write_label_errors(kind: Kind, table: pa.Table, found: Sequence[Suspect], prepared: Path, reports: Path) -> None:
    """Write `label_errors.csv`.

    Args:
        kind: Kind of the labels.
        table: Train rows after cleaning.
        found: Likely label errors.
        prepared: Train rows before cleaning.
        reports: Folder of the file.
    """
    columns = read_table(prepared, ["id", "text"]) if prepared.exists() else table.select(["id", "text"])
    raw = dict(zip(columns["id"].to_pylist(), columns["text"].to_pylist(), strict=True))
    write_text(label_errors(kind, table, found, raw), reports / FILE)
