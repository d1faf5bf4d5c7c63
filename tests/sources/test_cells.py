"""What is written as CSV for people can't run in a spreadsheet, and is read back as it was."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volant.bundle.batch.reading import documents
from volant.bundle.batch.writing import schema_of, writer
from volant.flywheel.advice.suggest import Suggested, write_suggested
from volant.kinds import KINDS
from volant.sources.formats.cells import bare, guarded
from volant.sources.texts import Reading, read_texts

EVIL = ["=1+1", "+1-cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1", "'=1", "''@x", "- he said"]
FINE = ["-0.5", "+1", "-1e-05", "a=b", "'quoted' text", "-", "", "it's"]


def to_answers(out: Path, texts: list[str]) -> None:
    with writer(out, schema_of(KINDS["classify"], ("a",), all_scores=False)) as write:
        write([{"row": n, "text": text, "label": text, "score": 0.5} for n, text in enumerate(texts)])


def to_suggested(out: Path, texts: list[str]) -> None:
    rows: Any = [{"text": text, "suggested": text, "score": 0.5} for text in texts]
    found: Any = object.__new__(Suggested)
    object.__setattr__(found, "rows", rows)
    write_suggested(found, out)


@pytest.mark.parametrize("write", [to_answers, to_suggested])
def test_no_cell_is_a_formula_and_all_are_read_back(write: Callable[[Path, list[str]], None], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write(out, EVIL + FINE)
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    column = "label" if "row" in rows[0] else "suggested"
    for row, text in zip(rows, EVIL + FINE, strict=True):
        assert row["text"] == row[column] == (f"'{text}" if text in EVIL else text)
    assert list(read_texts(str(out), Reading(("text",)))) == EVIL + FINE
    assert [text for _, text in documents(out, "csv")] == EVIL + FINE


@given(st.text(alphabet="'=+-@\t\r\n1.e \uff1da", max_size=6))
def test_every_cell_is_read_back(text: str) -> None:
    assert bare(guarded(text)) == text
