"""Files of spans, ingested: each bad row by its line, and the same text with other spans is another row."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.parts import KIND, places, spans, written
from volant.datasets.ingest.checks import MISPLACED, Rows, check, identities, rows_of
from volant.datasets.ingest.ingest import _rejected
from volant.datasets.ingest.reading import form_of, read
from volant.errors import VolantError
from volant.sources.formats.options import Options

__all__ = ["places"]
pytestmark = pytest.mark.usefixtures("places")


def ingested(path: Path, content: Any, source: dict[str, Any] | None = None, **options: Any) -> Rows:
    form = form_of(KIND, source or {}, ("PER", "LOC"), options=Options(**options))
    return rows_of(read(written(path, content), form), KIND, ("PER", "LOC"))


def row(text: str, *parts: tuple[int, int, str]) -> dict[str, Any]:
    return {"text": text, "label": [list(part) for part in parts]}


def test_bad_spans_are_bad_rows_with_their_lines(tmp_path: Path) -> None:
    content = [
        row("Anna sang", (0, 4, "PER")),
        row("in Rome", (3, 8, "LOC")),
        row("Anna Bell", (0, 4, "PER"), (0, 9, "PER")),
        row("no one"),
    ]
    result = ingested(tmp_path / "a.jsonl", content)
    assert spans(result.table) == [("Anna sang", [("Anna", "PER")]), ("no one", [])]
    assert [(bad.line, bad.reason) for bad in result.bad] == [(2, MISPLACED), (3, MISPLACED)]
    assert "span 3-8 (LOC) is outside of the text, which has 7 characters" in result.bad[0].detail
    assert "spans 'Anna' 0-4 (PER) and 'Anna Bell' 0-9 (PER) overlap" in result.bad[1].detail


def test_files_of_every_form_are_ingested_without_options(tmp_path: Path) -> None:
    said = [("Anna sang", [("Anna", "PER")])]
    assert spans(ingested(tmp_path / "a.conll", "Anna B-PER\nsang O\n").table) == said
    assert (
        spans(ingested(tmp_path / "a.json", json.dumps([["Anna sang", {"entities": [[0, 4, "PER"]]}]])).table) == said
    )
    written(tmp_path / "docs/d.txt", "Anna sang")
    annotations = "File,Line,Begin Offset,End Offset,Type\nd.txt,0,0,4,PER\n"
    assert spans(ingested(tmp_path / "a.csv", annotations, documents=str(tmp_path / "docs")).table) == said
    own = {"columns": {"text": "body", "label": "ner"}}
    assert spans(ingested(tmp_path / "b.jsonl", [{"body": "Anna sang", "ner": [[0, 4, "PER"]]}], own).table) == said
    assert spans(ingested(tmp_path / "c.jsonl", [row("Anna sang", (0, 4, "PER"))], own).table) == said


def test_the_same_text_with_other_spans_is_another_row(tmp_path: Path) -> None:
    content = [row("Ann Ann", (0, 3, "PER")), row("Ann Ann", (4, 7, "PER")), row("Ann Ann", (0, 3, "PER"))]
    result = ingested(tmp_path / "a.jsonl", content)
    keys = identities(result.table, KIND)
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]


def test_a_broken_span_is_refused_with_file_and_line(tmp_path: Path) -> None:
    content = [
        {"text": "Anna", "spans": [{"start": 0, "end": 4, "label": "PER"}]},
        {"text": "b", "spans": [{"start": 0}]},
    ]
    with pytest.raises(VolantError, match=r"a\.jsonl, column 'spans', line 2 can't be read as places"):
        ingested(tmp_path / "a.jsonl", content)


def test_rejected_rows_keep_their_spans_for_the_next_ingest(tmp_path: Path) -> None:
    content = [row("in Rome", (3, 8, "LOC")), row("Anna", (0, 4, "NAME"))]
    result = ingested(tmp_path / "a.jsonl", content)
    unknown = check(result.table, "a.jsonl", KIND, ("PER", "LOC"), new_labels=False)
    written_again = [_rejected(bad) for bad in (*result.bad, *unknown)]
    assert [one["label" if "label" in one else "spans"][0]["label"] for one in written_again] == ["LOC", "NAME"]
    assert "outside of the text" in written_again[0]["reason"]
    again = ingested(tmp_path / "b.jsonl", [one | {"text": f"{one['text']}!"} for one in written_again[:1]])
    assert spans(again.table) == [("in Rome!", [("Rome!", "LOC")])]
