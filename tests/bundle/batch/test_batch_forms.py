"""Files to answer as people have them: other encodings and delimiters, compressed, without rows, with odd cells."""

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volant.bundle.batch.predicting import predict_file, read_texts, reading_of
from volant.bundle.bundle import CHUNK, Bundle
from volant.errors import VolantError
from volant.sources.formats.options import Options
from volant.stages.train import Trained

SOURCE = """
seed: 1
flywheels:
  made-up:
    kind: classify
    description: made up
    source:
      _target_: volant.sources.files.Files
      train: a.csv
      encoding: cp1251
      columns: {text: words}
    cleaning: []
    labels: null
    split: {}
    evaluation: {}
    model: {_target_: volant.models.linear.Linear}
    metric: macro_f1
    seed: 1
"""


@pytest.fixture
def bundle(trained: Callable[..., Trained]) -> Bundle:
    return trained("classify", "linear").bundle


def texts(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return list(read_texts(path, "text"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "n,text\n1,un café\n2,'well, well'\n".replace("'", '"')),
        ("a.csv", "n;text\n1;un café\n2;well, well\n"),
        ("a.tsv", "n\ttext\n1\tun café\n2\twell, well\n"),
        ("a.txt", "un café\r\nwell, well"),
        ("a.jsonl", '{"text": "un café"}\n\n{"text": "well, well"}\n'),
    ],
)
def test_encodings_and_delimiters_are_found(tmp_path: Path, name: str, content: str, encoding: str) -> None:
    data = content.encode(encoding)
    assert texts(tmp_path / name, data) == ["un café", "well, well"]
    assert texts(tmp_path / f"{name}.gz", gzip.compress(data)) == ["un café", "well, well"]


def test_a_guess_is_told(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_bytes("text\nun café\n".encode("cp1252"))
    predict_file(bundle, tmp_path / "a.csv", tmp_path / "out.jsonl")
    assert "read as cp1252 ('café')" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
@pytest.mark.parametrize(
    ("fine", "bad"),
    [("ok", "Привет".encode("cp1251")), ("ok", b"un caf\xe9 \x81"), ("un café", b"un caf\xe9")],
)
def test_a_byte_of_no_known_encoding_is_named_before_anything_is_answered(
    bundle: Bundle, tmp_path: Path, name: str, fine: str, bad: bytes
) -> None:
    row = {"a.csv": b"%b\n", "a.txt": b"%b\n", "a.jsonl": b'{"text": "%b"}\n'}[name]
    first = [b"text\n"] if name == "a.csv" else []
    (tmp_path / name).write_bytes(b"".join([*first, row % fine.encode(), row % bad]))
    with pytest.raises(VolantError, match=f"{name}, line {2 + len(first)}: byte 0x.*Name the encoding of the export"):
        next(read_texts(tmp_path / name, "text"))
    with pytest.raises(VolantError):
        predict_file(bundle, tmp_path / name, tmp_path / "out.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_compressed_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"text {n * 7919}\n" for n in range(9000)).encode())
    with pytest.raises(VolantError, match="truncated"):
        texts(tmp_path / "a.txt.gz", whole[: len(whole) // 2])


@pytest.mark.parametrize("kind", ["classify", "multilabel"])
@pytest.mark.parametrize(("name", "content"), [("in.csv", "text\n"), ("in.txt", ""), ("in.jsonl", "\n")])
def test_no_rows_give_a_whole_file_without_answers(
    trained: Callable[..., Trained], tmp_path: Path, kind: str, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    for to in ("parquet", "csv", "jsonl"):
        predict_file(trained(kind, "linear").bundle, tmp_path / name, tmp_path / f"out.{to}", all_scores=True)
    target = "label" if kind == "classify" else "labels"
    table = pq.read_table(tmp_path / "out.parquet")
    assert (table.num_rows, table.column_names) == (0, ["row", "text", target, "score", "scores"])
    assert list(csv.reader((tmp_path / "out.csv").open())) == [table.column_names]
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_labels_may_begin_after_the_first_chunk(trained: Callable[..., Trained], tmp_path: Path) -> None:
    bundle = trained("multilabel", "linear").bundle
    none, some = (found.scores for found in bundle.predict(["nothing", "film story"]))
    between = [(none[label] + some[label]) / 2 if some[label] > none[label] else 2 for label in bundle.labels]
    strict = {**bundle.manifest["calibration"], "thresholds": between}
    bundle = replace(bundle, manifest={**bundle.manifest, "calibration": strict})
    (tmp_path / "in.txt").write_text("nothing\n" * CHUNK + "film story\n")
    predict_file(bundle, tmp_path / "in.txt", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert not any(table["labels"].to_pylist()[:CHUNK])
    assert {"film", "story"} <= set(table["labels"][CHUNK].as_py())
    assert len(table["score"][CHUNK]) == len(table["labels"][CHUNK])


def test_half_an_emoji_null_and_numbers_are_texts(bundle: Bundle, tmp_path: Path) -> None:
    lines = [r'{"text": "lovely \ud83d"}', r'{"text": "\ud83d\ude00"}', '{"text": null}', '{"text": 7}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    for to in ("jsonl", "csv", "parquet"):
        predict_file(bundle, tmp_path / "in.jsonl", tmp_path / f"out.{to}")
    assert pq.read_table(tmp_path / "out.parquet")["text"].to_pylist() == ["lovely \ufffd", "\U0001f600", "", "7"]
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize("cells", [[1, None, 3], [0.5, None], ["a", None]])
def test_a_parquet_column_of_numbers_is_text(tmp_path: Path, cells: list[object]) -> None:
    pq.write_table(pa.table({"text": cells}), tmp_path / "a.parquet")
    assert list(read_texts(tmp_path / "a.parquet", "text")) == ["" if c is None else str(c) for c in cells]


def test_a_parquet_column_of_lists_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [["a"]]}), tmp_path / "a.parquet")
    with pytest.raises(VolantError, match=r"holds list<.*not text"):
        list(read_texts(tmp_path / "a.parquet", "text"))


def test_a_cell_may_be_as_long_as_in_training(tmp_path: Path) -> None:
    before = csv.field_size_limit(131072)  # as in a process that has read nothing yet
    try:
        assert len(texts(tmp_path / "a.csv", b"text\n" + b"a" * 200_000)[0]) == 200_000
    finally:
        csv.field_size_limit(max(before, csv.field_size_limit()))
    with pytest.raises(VolantError, match="line 2: longer than 1,048,576"):
        texts(tmp_path / "a.csv", b"text\n" + b"a" * 1_048_577)


def test_the_flywheel_says_what_it_expects(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert reading_of(bundle).columns == ("text",)
    Path("params.yaml").write_text(SOURCE)
    for number, head in enumerate(("words,text", "text,n")):
        Path("in.csv").write_bytes(f"{head}\nПривет,мир\n".encode("cp1251"))
        predict_file(bundle, Path("in.csv"), Path("out.jsonl"))
        assert json.loads(Path("out.jsonl").read_text())["text"] == "Привет", number
    predict_file(bundle, Path("in.csv"), Path("out.jsonl"), reading_of(bundle, "n", Options("cp1251")))
    assert json.loads(Path("out.jsonl").read_text())["text"] == "мир"
