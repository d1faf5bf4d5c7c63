"""Answering files: every type in, every type out, order kept, nothing half-written."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volant.bundle.batch.predicting import load, predict_file, predict_texts
from volant.bundle.bundle import Bundle
from volant.errors import VolantError
from volant.stages.train import Trained

TEXTS = ["the film was lovely", 'the "plot", was\nawful', "", "the cast was superb"]


@pytest.fixture
def bundle(trained: Callable[..., Trained]) -> Bundle:
    return trained("classify", "linear").bundle


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {suffix: tmp_path / f"in.{suffix}" for suffix in ("csv", "tsv", "jsonl", "parquet", "txt")}
    for suffix, mark in (("csv", ","), ("tsv", "\t")):
        with paths[suffix].open("w", newline="") as stream:
            csv.writer(stream, delimiter=mark).writerows([["n", "text"], *enumerate(TEXTS)])
    paths["jsonl"].write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
    pq.write_table(pa.table({"text": TEXTS}), paths["parquet"])
    paths["txt"].write_text("\n".join(t.replace("\n", " ") for t in TEXTS) + "\n")
    return paths


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "txt"])
@pytest.mark.parametrize("to", ["jsonl", "csv", "parquet"])
def test_every_type_in_and_out(bundle: Bundle, files: dict[str, Path], tmp_path: Path, suffix: str, to: str) -> None:
    out = tmp_path / f"out.{to}"
    predict_file(bundle, files[suffix], out, all_scores=True)
    if to == "jsonl":
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    elif to == "csv":
        rows = list(csv.DictReader(out.open(newline="")))
    else:
        rows = pq.read_table(out).to_pylist()
    assert [row["label"] for row in rows][:2] == ["fresh", "rotten"]
    assert rows[3]["label"] == "fresh"
    assert [int(row["row"]) for row in rows] == [1, 2, 3, 4]
    assert float(rows[0]["score"]) > 0.5
    assert "fresh" in rows[0]["scores"]


def test_several_labels_go_into_every_type(trained: Callable[..., Trained], tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("film story\nnothing\n")
    for to in ("jsonl", "csv", "parquet"):
        predict_file(trained("multilabel", "linear").bundle, tmp_path / "in.txt", tmp_path / f"out.{to}")
    assert pq.read_table(tmp_path / "out.parquet")["labels"].to_pylist()[0] == ["film", "story"]
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["labels"] == ["film", "story"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "words\na\n", "no column 'text'.*words"),
        ("x.jsonl", '{"text": "a"}\n{"text": \n', "line 2"),
        ("x.jsonl", '{"words": "a"}\n', "line 1: no column 'text'.*words"),
        ("x.jsonl", '{"text": "a"}\n{"words": "a"}\n', "line 2: no key 'text'"),
        ("x.jsonl", '{"text": ["a"]}\n', "line 1: 'text' holds a list"),
        ("x.parquet", "not parquet", "extension of Parquet, but is not"),
        ("x.docx", "a", "'.docx'.*allowed"),
        ("x.csv", 'text\n"a\n', "line 2: broken CSV"),
        ("x.csv", "text\nwell, well\n", "line 2: 2 cells, but 1 columns"),
        ("x.csv", "PK\3\4", "zip archive"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    bundle: Bundle, tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(VolantError, match=message):
        predict_file(bundle, tmp_path / name, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unknown_name_lists_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VolantError, match=r"'reviws'.*Trained: none"):
        load("reviws")


@pytest.mark.parametrize("text", ["a [/b] great film", "a [red]great[/red] film"])
def test_a_text_is_shown_as_it_is(bundle: Bundle, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    predict_texts(bundle, [text])
    assert text in capsys.readouterr().out
