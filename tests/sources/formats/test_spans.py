"""Spans as labelling tools export them, and spans that don't fit their text."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.parts import KIND, rows, sheet, spans, written
from volant.errors import VolantError
from volant.sources.columns import to_rows
from volant.sources.files import Files
from volant.sources.formats.spans import problem_of, require_spans, spans_of
from volant.sources.mapping import Columns
from volant.sources.texts import Reading, numbered_texts

pytestmark = pytest.mark.usefixtures("places")
TEXT = "Anna met Bob in Rome"
PARTS = [(0, 4, "per-son"), (9, 12, "per-son"), (16, 20, "LOC")]
SAID = [(TEXT, [("Anna", "per-son"), ("Bob", "per-son"), ("Rome", "LOC")]), ("nobody", [])]


def objects(start: str = "start", end: str = "end", label: str = "label") -> list[dict[str, Any]]:
    return [{start: first, end: last, label: name} for first, last, name in PARTS]


def task(number: int, text: str, result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"id": number, "data": {"body": text, "source": "web"}, "annotations": [{"result": result, **more}]}


def value(first: int, last: int, name: str, text: str) -> dict[str, Any]:
    region = {"start": first, "end": last, "text": text, "labels": [name]}
    return {"from_name": "ner", "to_name": "text", "type": "labels", "value": region}


LISTS = [list(part) for part in PARTS]
RESULT = [value(first, last, name, TEXT[first:last]) for first, last, name in PARTS]
RELATION = {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right", "labels": ["knows"]}
MINI = {"id": 1, "text": TEXT, "ner": [region["value"] for region in RESULT], "annotator": 1, "annotation_id": 4}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ([{"text": TEXT, "spans": objects()}, {"text": "nobody", "spans": []}], "plain.jsonl"),
        ([[TEXT, {"entities": LISTS}], ["nobody", {"entities": []}]], "spacy.jsonl"),
        (json.dumps([[TEXT, {"entities": LISTS}], ["nobody", {"entities": []}]], indent=1), "spacy.json"),
        ([{"text": TEXT, "ents": objects(), "tokens": [{"id": 0}]}, {"text": "nobody", "ents": []}], "doc.jsonl"),
        ([{"id": 1, "text": TEXT, "label": LISTS}, {"id": 2, "text": "nobody", "label": []}], "doccano.jsonl"),
        ([{"id": 1, "text": TEXT, "labels": LISTS}, {"id": 2, "text": "nobody", "labels": []}], "doccano1.jsonl"),
        (
            [
                {"text": TEXT, "entities": objects("start_offset", "end_offset"), "relations": []},
                {"text": "nobody", "entities": [], "relations": []},
            ],
            "doccano2.jsonl",
        ),
        (json.dumps([MINI, {"id": 2, "text": "nobody", "annotator": 1}]), "label-studio-min.json"),
        ([{"text": TEXT, "answer": "accept", "spans": objects()}, {"text": "nobody", "answer": "accept"}], "p.jsonl"),
        ([{"text": TEXT, "entities": objects(label="entity_group")}, {"text": "nobody"}], "pipeline.jsonl"),
    ],
)
def test_each_tool_says_the_same(tmp_path: Path, content: Any, name: str) -> None:
    assert spans(rows(tmp_path / name, content)) == SAID
    assert [text for _, text in numbered_texts(str(tmp_path / name), name, Reading())] == [TEXT, "nobody"]


def test_label_studio_tasks_with_relations_skipped_and_unseen_ones(tmp_path: Path) -> None:
    content = [
        task(1, TEXT, [*RESULT, RELATION], was_cancelled=False),
        task(2, "nobody", [], was_cancelled=False),
        task(3, "skipped", RESULT, was_cancelled=True),
        {"id": 4, "data": {"body": "unseen", "source": "web"}, "annotations": []},
    ]
    read = sheet(tmp_path / "a.json", json.dumps(content))
    assert read.words == "a JSON list; 2 rows left out that annotators rejected, skipped or have not seen"
    table = to_rows(read.table, Columns(text="body"), KIND, "a.json", read.lines)
    assert spans(table) == SAID
    assert table["source"].to_pylist() == ["web", "web"]


def test_label_studio_csv_holds_json(tmp_path: Path) -> None:
    cell = json.dumps(MINI["ner"]).replace('"', '""')
    content = f'text,ner\n"{TEXT}","{cell}"\nnobody,\n'
    assert spans(rows(tmp_path / "a.csv", content, Columns(label="ner"))) == SAID
    assert spans(rows(tmp_path / "a.csv", content)) == SAID


def test_offsets_of_csv_are_put_right_by_the_text_of_the_span(tmp_path: Path) -> None:
    text = "\U0001f4a9This is an annotation."
    cell = json.dumps([{"start": 13, "end": 23, "text": "annotation", "labels": ["X"]}]).replace('"', '""')
    read = sheet(tmp_path / "a.tsv", f'ID\tTEXT\tner\n1\t{text}\t"{cell}"\n')
    assert spans(to_rows(read.table, Columns(text="TEXT"), KIND, "a.tsv", read.lines)) == [
        (text, [("annotation", "X")])
    ]


@pytest.mark.parametrize("shift", [0, 1])
def test_label_studio_counts_characters_or_before_2022_utf_16_units(tmp_path: Path, shift: int) -> None:
    text = "\U0001f4a9This is an annotation. 注釈"
    first = text.index("annotation") + shift
    result = [value(first, first + 10, "X", "annotation"), value(len(text) - 2 + shift, len(text) + shift, "Y", "注釈")]
    read = sheet(tmp_path / "a.json", json.dumps([task(1, text, result, was_cancelled=False)]))
    found = spans(to_rows(read.table, Columns(text="body"), KIND, "a", read.lines))
    assert found == [(text, [("annotation", "X"), ("注釈", "Y")])]


def test_a_span_of_several_labels_is_several_spans() -> None:
    assert [span["label"] for span in spans_of([{"start": 0, "end": 1, "labels": ["A", "B"]}])] == ["A", "B"]


@pytest.mark.parametrize("cell", [[{"start": 0, "label": "A"}], [[0, 1]], [["0", "1", "A"]], {"start": 0}, ["A"]])
def test_what_is_no_span_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match="span"):
        spans_of(cell)


@pytest.mark.parametrize(
    ("span", "problem"),
    [
        ((16, 21, "LOC"), "span 16-21 (LOC) is outside of the text, which has 20 characters"),
        ((-1, 4, "LOC"), "span -1-4 (LOC) is outside of the text"),
        ((4, 4, "LOC"), "span 4-4 (LOC) is empty: `end` must be greater than `start`"),
        ((9, 4, "LOC"), "span 9-4 (LOC) is empty"),
        ((0, 4, ""), "span 0-4 () has no label"),
    ],
)
def test_a_span_that_does_not_fit_is_refused_with_file_and_line(
    tmp_path: Path, span: tuple[int, int, str], problem: str
) -> None:
    content = [{"text": "nobody", "spans": []}, {"text": TEXT, "spans": spans_of([list(span)])}]
    with pytest.raises(VolantError) as error:
        rows(tmp_path / "a.jsonl", content)
    assert str(error.value).startswith(f"a.jsonl, line 2: {problem}")


def test_overlapping_spans_are_refused_with_both_where_the_kind_has_none(tmp_path: Path) -> None:
    content = [{"text": TEXT, "spans": [*objects(), {"start": 9, "end": 20, "label": "EVENT"}]}]
    with pytest.raises(
        VolantError, match=r"a\.jsonl, line 1: spans 'Bob' 9-12 \(per-son\) and 'Bob in Rome' 9-20 \(EVENT\) overlap\."
    ):
        rows(tmp_path / "a.jsonl", content)
    nested = spans_of(content[0]["spans"])
    require_spans(TEXT, nested, overlaps=True, where="a.jsonl, line 1")
    assert problem_of(TEXT, spans_of(LISTS), overlaps=False) is None


def test_several_columns_of_spans_need_a_name(tmp_path: Path) -> None:
    content = [{"text": TEXT, "people": LISTS[:2], "places": LISTS[2:]}]
    with pytest.raises(VolantError, match=r"several columns hold spans: people, places\. Choose with `columns\.label`"):
        rows(tmp_path / "a.jsonl", content)
    assert spans(rows(tmp_path / "a.jsonl", content, Columns(label="places")))[0][1] == [("Rome", "LOC")]


def test_a_broken_span_names_its_row(tmp_path: Path) -> None:
    content = [{"text": TEXT, "spans": objects()}, {"text": TEXT, "spans": [{"start": 3, "label": "LOC"}]}]
    with pytest.raises(VolantError, match=r"jsonl, column 'spans', line 2 can't be read as places: .* is no span"):
        rows(tmp_path / "a.jsonl", content)


def test_right_to_left_text_counts_characters_in_logical_order(tmp_path: Path) -> None:
    text = "دانا تعيش في حيفا"
    place = text.index("حيفا")
    content = [{"text": text, "spans": [{"start": place, "end": place + 4, "label": "LOC"}]}]
    assert spans(rows(tmp_path / "a.jsonl", content)) == [(text, [("حيفا", "LOC")])]


def test_ground_truth_manifests_hold_spans_of_a_job(tmp_path: Path) -> None:
    def line(text: str, parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        metadata = {"entities": [{"confidence": 0.09}, {"confidence": 0}][: len(parts)], "job-name": "labeling-job/a"}
        metadata |= {"type": "groundtruth/text-span", "human-annotated": "yes", **more}
        annotations = {"entities": parts, "labels": [{"label": "LOC", "shortDisplayName": "loc"}]}
        return {"source": text, "ner": {"annotations": annotations}, "ner-metadata": metadata}

    content = [line(TEXT, objects("startOffset", "endOffset")), line("nobody", [])]
    read = sheet(tmp_path / "output.manifest", content)
    assert read.words == "augmented manifest (SageMaker Ground Truth), attribute 'ner'"
    assert read.table["confidence"].to_pylist() == [0, None]
    files = Files(written(tmp_path / "output.manifest", content), columns=Columns(label="ner"))
    assert spans(files.read(KIND)["train"]) == SAID

    failed = [*content, line("lost", [], **{"failure-reason": "timeout"}), {"source": "x", "ner-metadata": {}}]
    read = sheet(tmp_path / "failed.manifest", failed)
    assert read.failed == {3: "labelling failed: timeout", 4: "no ner.annotations.entities"}
