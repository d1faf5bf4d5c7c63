"""Intents with slots: folders of seq.in, seq.out and label, and the JSON of Snips and Rasa."""

import json
from pathlib import Path

import pytest

from support.parts import KIND, sheet, spans, written
from volant.errors import VolantError
from volant.sources.columns import to_rows
from volant.sources.files import Files, read_sheet_of
from volant.sources.formats import Format
from volant.sources.guess.parts import part_targets
from volant.sources.mapping import Columns
from volant.sources.texts import Reading, numbered_texts

pytestmark = pytest.mark.usefixtures("places")
WORDS = "play Bach now\nwhat is on\n"
TAGS = "O B-artist O\nO O O\n"
SAID = [("play Bach now", [("Bach", "artist")]), ("what is on", [])]


def folder(path: Path, words: str = WORDS, tags: str = TAGS, intents: str = "Play\nAsk\n") -> str:
    for name, content in (("seq.in", words), ("seq.out", tags), ("label", intents)):
        written(path / name, content)
    return str(path)


@pytest.mark.parametrize("name", ["", "seq.in"])
def test_a_folder_of_three_files_has_labels_and_spans(tmp_path: Path, name: str) -> None:
    read = read_sheet_of(str(Path(folder(tmp_path)) / name), Format())
    assert read.words == "seq.in, seq.out and label; BIO"
    assert spans(read.table) == SAID
    assert read.table["label"].to_pylist() == ["Play", "Ask"]


def test_a_folder_of_splits_is_read_whole(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        folder(tmp_path / split, WORDS.replace("now", split))
    read = Files(str(tmp_path), watch={"train": str(tmp_path)}).read(KIND)
    assert {split: table["text"][0].as_py() for split, table in read.items()} == {
        "train": "play Bach train",
        "validation": "play Bach dev",
        "test": "play Bach test",
    }
    own = Files(str(tmp_path), test=str(tmp_path / "dev")).read(KIND)
    assert own["test"]["text"][0].as_py() == "play Bach dev"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"tags": "O B-artist\nO O O\n"}, r"seq\.in, line 1: 3 words, but 2 tags in seq\.out\. Each word needs one"),
        ({"intents": "Play\n"}, r"seq\.in has 2 lines, but label beside it 1\. Each line is one sentence"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, content: dict[str, str], message: str) -> None:
    path = folder(tmp_path, **content)
    with pytest.raises(VolantError, match=message):
        read_sheet_of(path, Format())


def test_a_folder_without_its_tags_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "seq.in", WORDS)
    with pytest.raises(VolantError, match=r"seq\.out does not exist"):
        read_sheet_of(str(tmp_path), Format())


SNIPS = {
    "PlayMusic": [
        {"data": [{"text": "play "}, {"text": " Bach ", "entity": "artist", "slot_name": "artist"}, {"text": "now"}]}
    ],
    "Ask": [{"data": [{"text": "what is on"}]}],
}
RASA = {
    "rasa_nlu_data": {
        "common_examples": [
            {
                "text": "play Bach now",
                "intent": "PlayMusic",
                "entities": [{"start": 5, "end": 9, "value": "J. S. Bach", "entity": "artist"}],
            },
            {"text": "what is on", "intent": "Ask"},
        ],
        "regex_features": [],
    }
}


@pytest.mark.parametrize("content", [SNIPS, RASA])
@pytest.mark.parametrize("indent", [None, 2])
def test_snips_and_rasa_say_the_same(tmp_path: Path, content: dict, indent: int | None) -> None:
    read = sheet(tmp_path / "a.json", json.dumps(content, indent=indent))
    assert read.words == "JSON of intents and slots (Snips, Rasa)"
    assert [found for _, found in spans(read.table)] == [[("Bach", "artist")], []]
    assert read.table["label"].to_pylist() == ["PlayMusic", "Ask"]
    labels = to_rows(read.table, Columns(), "classify", "a.json")
    assert labels["label"].to_pylist() == ["PlayMusic", "Ask"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"PlayMusic": [{"data": [{"text": "a"}', r"a\.json: broken JSON"),
        ('{"PlayMusic": [{"data": [{"entity": "a"}]}]}', r"a\.json, sentence 1 can't be read: KeyError"),
        ('{"A": [{"data": [{"text": "a"}]}, {"x": 1}]}', r"a\.json, sentence 2 can't be read: KeyError: 'data'"),
    ],
)
def test_other_objects_are_refused_with_what_is_expected(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(VolantError, match=message):
        sheet(tmp_path / "a.json", content)


def test_json_lines_with_intent_and_tags(tmp_path: Path) -> None:
    row = {"text": "play Bach", "tokens": ["play", "Bach"], "slots": ["O", "B-artist"], "intent": "Play"}
    sheet(tmp_path / "a.jsonl", [row])
    files = Files(str(tmp_path / "a.jsonl"), columns=Columns(label="slots"))
    assert spans(files.read(KIND)["train"]) == [("play Bach", [("Bach", "artist")])]
    assert Columns(label="intent", spans="slots").tags == ["slots"]


def test_the_tags_of_a_folder_must_be_watched_too(tmp_path: Path) -> None:
    path = folder(tmp_path)
    Files(path, watch={"train": path})
    with pytest.raises(ValueError, match=r"is not watched: set watch\.train to it, or to a folder"):
        Files(f"{path}/seq.in", watch={"train": f"{path}/seq.in"})
    with pytest.raises(ValueError, match="'docs' is not watched"):
        Files("a.csv", documents="docs", watch={"train": "a.csv"})
    Files("a/a.csv", documents="a/docs", watch={"train": "a"})


def test_the_gold_of_a_file_is_told_by_its_columns(tmp_path: Path) -> None:
    lines = [{"text": "play Bach", "slots": [[5, 9, "artist"]], "intent": name} for name in ("Play", "Ask") * 2]
    assert part_targets(sheet(tmp_path / "a.jsonl", lines).table) == {"label": "intent", "spans": "slots"}
    assert part_targets(sheet(tmp_path / "a.jsonl", lines[:2]).table) == {"spans": "slots"}
    facts = [{"text": "a", "label": name, "triple_list": [["a", "b", "c"]]} for name in ("x", "y") * 2]
    assert part_targets(sheet(tmp_path / "b.jsonl", facts).table) == {"triples": "triple_list"}
    assert part_targets(sheet(tmp_path / "c.jsonl", [{"text": "a", "label": "b"}]).table) == {}


def test_predict_reads_the_texts_of_documents_and_of_tokens(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", RASA)
    assert [text for _, text in numbered_texts(path, "a.json", Reading())] == ["play Bach now", "what is on"]
    path = written(tmp_path / "b.jsonl", [{"tokens": ["play", "Bach"], "slots": ["O", "B-artist"]}])
    assert [text for _, text in numbered_texts(path, "b.jsonl", Reading())] == ["play Bach"]
