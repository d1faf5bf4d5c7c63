"""Lists of tokens and tags as spans, offsets in characters, and rows that no annotator accepted."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.parts import KIND, rows, sheet, spans
from volant.errors import VolantError
from volant.sources.columns import to_rows
from volant.sources.files import Files, read_sheet_of
from volant.sources.formats import Format
from volant.sources.formats.gold import uniform
from volant.sources.hub import Hub
from volant.sources.mapping import Columns
from volant.sources.unmatched import take_notes

pytestmark = pytest.mark.usefixtures("places")
TOKENS = ["Anna", "sang", "in", "New", "York"]
TAGS = ["B-PER", "O", "O", "B-LOC", "I-LOC"]
SAID = [("Anna sang in New York", [("Anna", "PER"), ("New York", "LOC")])]


def test_json_lists_of_tokens_and_tags(tmp_path: Path) -> None:
    read = sheet(tmp_path / "a.jsonl", [{"tokens": TOKENS, "ner_tags": TAGS}])
    assert read.words == "JSON Lines; spans from 'ner_tags' (BIO)"
    assert spans(rows(tmp_path / "a.jsonl", [{"tokens": TOKENS, "ner_tags": TAGS}])) == SAID


def test_the_original_text_is_aligned_by_search(tmp_path: Path) -> None:
    row = {"text": "Anna  sang\tin New\u00a0York", "tokens": TOKENS, "tags": TAGS}
    assert spans(rows(tmp_path / "a.jsonl", [row])) == [
        (row["text"], [("Anna", "PER"), ("New\u00a0York", "LOC")]),
    ]


def test_parquet_with_the_class_names_of_datasets(tmp_path: Path) -> None:
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
    metadata = {"huggingface": json.dumps({"info": {"features": {"ner_tags": feature}}})}
    ids = [names.index(tag) for tag in TAGS]
    table = pa.table({"tokens": [TOKENS], "pos_tags": [[0] * 5], "ner_tags": [ids]}).replace_schema_metadata(metadata)
    folder = tmp_path / "set"
    folder.mkdir()
    pq.write_table(table, folder / "train.parquet")
    assert spans(Files(str(folder / "train.parquet")).read(KIND)["train"]) == SAID


def test_a_hub_set_is_read_from_its_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    pq.write_table(pa.table({"tokens": [TOKENS], "tags": [TAGS]}), tmp_path / "set/train.parquet")
    monkeypatch.setenv("VOLANT_MIRROR", str(tmp_path))
    columns = Columns(label=["ner_tags", "tags"])
    assert spans(Hub("owner/set", columns=columns).read(KIND)["train"]) == SAID


def test_a_named_column_of_tags_counts(tmp_path: Path) -> None:
    row = {"tokens": TOKENS, "chunks": ["B-NP", "B-VP", "O", "B-NP", "I-NP"], "ner_tags": TAGS}
    path = tmp_path / "a.jsonl"
    sheet(path, [row])
    files = Files(str(path), columns=Columns(label="chunks"))
    assert spans(files.read(KIND)["train"])[0][1] == [("Anna", "NP"), ("sang", "VP"), ("New York", "NP")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": TOKENS, "tags": TAGS[:4]}, r"line 2: 5 tokens, but 4 tags in 'tags'\. Each token needs one tag"),
        ({"text": "Anna sings", "tokens": TOKENS, "tags": TAGS}, r"line 2: the tokens don't join to the text"),
        ({"tokens": TOKENS, "tags": ["B-PER", "O", "O", "LOC", "O"]}, r"line 2: 'LOC' is not a tag"),
    ],
)
def test_bad_tags_are_refused_only_where_they_are_needed(tmp_path: Path, row: dict, message: str) -> None:
    good = {"text": " ".join(TOKENS)} if "text" in row else {}
    content = [{**good, "tokens": TOKENS, "tags": TAGS, "mood": "good"}, {**row, "mood": "bad"}]
    with pytest.raises(VolantError, match=message):
        rows(tmp_path / "a.jsonl", content)
    read = sheet(tmp_path / "a.jsonl", content)
    assert to_rows(read.table, Columns(label="mood"), "classify", "a")["label"].to_pylist() == ["good", "bad"]


def test_lists_that_are_no_tags_stay_labels(tmp_path: Path) -> None:
    content = [{"text": "so dull", "tokens": ["so", "dull"], "tags": ["plot", "cast"]}]
    table = to_rows(sheet(tmp_path / "a.jsonl", content).table, Columns(label="tags"), "multilabel", "a")
    assert table["labels"].to_pylist() == [["plot", "cast"]]


def test_prodigy_rows_that_were_not_accepted_are_left_out_and_counted(tmp_path: Path) -> None:
    span = {"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "PER"}
    tokens = [{"text": "Ann", "start": 0, "end": 3, "id": 0}]
    content = [
        {"text": text, "tokens": tokens, "spans": [span], "answer": answer}
        for text, answer in (("Ann a", "accept"), ("Ann b", "reject"), ("Ann c", "ignore"))
    ]
    read = sheet(tmp_path / "a.jsonl", content)
    assert read.words == "JSON Lines; 2 rows left out that annotators rejected, skipped or have not seen"
    assert list(read.lines) == [1]
    assert spans(read.table) == [("Ann a", [("Ann", "PER")])]
    table = Files(str(tmp_path / "a.jsonl")).read(KIND)["train"]
    tables, notes = take_notes({"train": table})
    assert len(notes) == 1
    assert "2 rows left out" in notes[0]
    assert tables["train"].schema.metadata is None


def test_offsets_in_utf_16_units_become_characters(tmp_path: Path) -> None:
    text = "\U0001f600\U0001f680 Ann met cafe\u0301 Bob"
    first = text.index("Ann")
    content = [
        {"text": text, "label": [[first + 2, first + 5, "PER"]]},
        {"text": "Ann \U0001f680", "label": [[0, 3, "PER"]]},
    ]
    read = sheet(tmp_path / "a.jsonl", content)
    assert spans(read.table, "label") == [(text, [("Ann", "PER")]), ("Ann \U0001f680", [("Ann", "PER")])]
    assert read.words == "JSON Lines; offsets of 'label' count UTF-16 units, converted to characters"


def test_offsets_in_characters_stay_beside_emoji(tmp_path: Path) -> None:
    text = "\U0001f600 Ann met cafe\u0301 \U0001f680 Bob"
    cells = [[text.index(part), text.index(part) + len(part), "X"] for part in ("Ann", "cafe\u0301 \U0001f680", "Bob")]
    found = spans(rows(tmp_path / "a.jsonl", [{"text": text, "label": cells}]))[0][1]
    assert [part for part, _ in found] == ["Ann", "cafe\u0301 \U0001f680", "Bob"]


def test_nothing_is_changed_in_a_table_without_gold_of_parts() -> None:
    table = pa.table({"text": ["a"], "label": ["b"], "answer": ["reject"]})
    assert uniform(table, [1], "a").table.equals(table)


def test_a_table_without_spans_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,mood\nAnn sings,good\n")
    read = read_sheet_of(str(tmp_path / "a.csv"), Format())
    with pytest.raises(VolantError, match=r"a\.csv: no column holds spans\. Its columns: text, mood\. Expected lists"):
        to_rows(read.table, Columns(), KIND, "a.csv", read.lines)
