"""What a file is, is found out and said; every row knows its line."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.lake import rows_csv
from volant.datasets.ingest.checks import check, rows_of
from volant.datasets.ingest.reading import LINE, Form, form_of, read
from volant.errors import VolantError

LABELS = ("fresh", "rotten")
TEXTS = ["a lovely film", "a dull film", "a fine story", "an awful cast"]


def found(path: Path, form: Form) -> tuple[str, list[tuple[str, Any]]]:
    """The format said, and texts with their labels."""
    raw = read(str(path), form)
    rows = rows_of(raw, form.kind, form.labels).table
    target = "label" if form.kind == "classify" else "labels"
    return raw.format, list(zip(rows["text"].to_pylist(), rows[target].to_pylist(), strict=True))


def form(kind: str = "classify", labels: tuple[str, ...] = LABELS, **source: Any) -> Form:
    return form_of(kind, source, labels)


def test_csv_without_header_is_amazon_comprehend_s(tmp_path: Path) -> None:
    pairs = list(zip(["fresh", "rotten"] * 2, TEXTS, strict=True))
    path = Path(rows_csv(tmp_path / "a.csv", pairs, header=None))
    for labels in (LABELS, ()):  # known labels, or labels that come again
        said, rows = found(path, form(labels=labels))
        assert "Comprehend" in said
        assert rows == [(text, label) for label, text in pairs]
    assert read(str(path), form()).table[LINE].to_pylist() == [1, 2, 3, 4]


def test_comprehend_s_labels_are_joined_by_a_sign(tmp_path: Path) -> None:
    path = Path(rows_csv(tmp_path / "a.csv", [("joy|fear", "one"), ("fear", "two"), ("joy", "three")], header=None))
    assert found(path, form("multilabel", ()))[1] == [("one", ["joy", "fear"]), ("two", ["fear"]), ("three", ["joy"])]
    other = Path(rows_csv(tmp_path / "b.csv", [("joy~fear", "one"), ("fear", "two")], header=None))
    tilde = Form("multilabel", ("joy", "fear"), separator="~")
    assert found(other, tilde)[1] == [("one", ["joy", "fear"]), ("two", ["fear"])]


@pytest.mark.parametrize("header", [("label", "text"), ("category", "review")])
def test_a_header_of_two_columns_is_not_a_row(tmp_path: Path, header: tuple[str, str]) -> None:
    rows = [("fresh", f"{text} number {n} of many") for n, text in enumerate(TEXTS * 3)]
    rows += [("rotten", f"{text} number {n} of few") for n, text in enumerate(TEXTS * 3)]
    said, read_rows = found(Path(rows_csv(tmp_path / "a.csv", rows, header)), form())
    assert (said, len(read_rows)) == ("CSV", 24)


def test_the_flywheel_s_own_columns_come_first(tmp_path: Path) -> None:
    path = Path(rows_csv(tmp_path / "a.csv", [("x", "4", "a lovely film", "t")], ("label", "target", "words", "text")))
    columns = {"text": "words", "label": ["sentiment", "target"], "label_map": {"4": "fresh"}, "keep": ["movie"]}
    assert found(path, form(columns=columns))[1] == [("a lovely film", "fresh")]


def test_a_label_that_label_map_lacks_is_an_unknown_label_with_its_line(tmp_path: Path) -> None:
    path = rows_csv(tmp_path / "a.csv", [("one", "4"), ("two", "fresh"), ("three", "9")])
    raw = read(path, form(columns={"label_map": {"4": "fresh"}}))
    bad = check(rows_of(raw, "classify", LABELS).table, path, "classify", LABELS, False)
    assert [(one.line, one.reason, one.labels) for one in bad] == [(4, "unknown label", ("9",))]


@pytest.mark.parametrize(("drop", "bad", "left_out"), [([""], 0, 1), ([], 1, 0)])
def test_rows_without_a_label_are_bad_or_left_out_as_the_flywheel_says(
    tmp_path: Path, drop: list[str], bad: int, left_out: int
) -> None:
    path = rows_csv(tmp_path / "a.csv", [("one", "fresh"), ("two", ""), ("three", "rotten")])
    rows = rows_of(read(path, form(columns={"drop_labels": drop})), "classify", LABELS)
    assert (rows.table["text"].to_pylist(), len(rows.bad), rows.left_out) == (["one", "three"], bad, left_out)


def test_lines_count_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"over\ntwo lines",fresh\n\n\nlast,rotten\n')
    assert read(str(path), form()).table[LINE].to_pylist() == [2, 6]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'\n{"text": "a", "label": "fresh"}\n\n{"text": "b", "label": "rotten"}\n'))
    raw = read(str(path), form())
    assert (raw.format, raw.table[LINE].to_pylist()) == ("JSON Lines", [2, 4])


def test_parquet_of_volant_s_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["1"], "text": ["a"], "labels": [["joy", "fear"]]}), path)
    assert found(path, form("multilabel", ()))[1] == [("a", ["joy", "fear"])]


def test_swapped_columns_are_seen_without_known_labels(tmp_path: Path) -> None:
    path = rows_csv(tmp_path / "a.csv", [("good" if n % 2 else "bad", f"text number {n}") for n in range(20)])
    raw = read(path, form(labels=()))
    with pytest.raises(VolantError, match="seem swapped: 2 different texts, 20 different labels"):
        check(rows_of(raw, "classify", ()).table, path, "classify", (), False)


def test_another_encoding_is_named_by_line_and_read_when_given(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nfine,fresh\ncafé,fresh\n".encode("latin-1"))
    with pytest.raises(VolantError, match=r"a\.csv, line 3: byte 0xe9"):
        read(str(path), form())
    assert found(path, form_of("classify", {}, LABELS, "latin-1"))[1][1] == ("café", "fresh")


def manifest(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def single(text: str, name: str | None, **more: Any) -> dict[str, Any]:
    meta = {"class-name": name, "confidence": 0.9, "type": "groundtruth/text-classification"} | more
    return {"source": text, "mood": 1, "mood-metadata": meta}


def test_an_augmented_manifest_of_one_label(tmp_path: Path) -> None:
    failed = {"source": "x", "mood": -1, "mood-metadata": {"failure-reason": "ClientError: no workers"}}
    path = manifest(tmp_path / "a.manifest", single("a lovely film", "fresh"), single("dull", "rotten"), failed)
    said, rows = found(path, form())
    assert said == "augmented manifest (SageMaker Ground Truth), attribute 'mood'"
    assert rows == [("a lovely film", "fresh"), ("dull", "rotten")]
    bad = rows_of(read(str(path), form()), "classify", LABELS).bad
    assert [(one.line, one.reason, one.detail) for one in bad] == [
        (3, "unreadable", "labelling failed: ClientError: no workers")
    ]


def test_an_augmented_manifest_of_several_labels(tmp_path: Path) -> None:
    meta = {"class-map": {"0": "joy", "2": "fear"}, "type": "groundtruth/text-classification-multilabel"}
    none = {"class-map": {}, "type": "groundtruth/text-classification-multilabel"}
    rows = [{"source": "one", "t": [0, 2], "t-metadata": meta}, {"source": "two", "t": [], "t-metadata": none}]
    path = manifest(tmp_path / "a.jsonl", *rows)
    assert found(path, form("multilabel", ("joy", "fear")))[1] == [("one", ["joy", "fear"]), ("two", [])]
    bad = rows_of(read(str(path), form()), "classify", LABELS).bad
    assert [one.detail for one in bad] == [
        "2 labels, but this flywheel has one per text",
        "0 labels, but this flywheel has one per text",
    ]


def test_several_label_attributes_are_chosen_from(tmp_path: Path) -> None:
    row = single("a film", "fresh") | {"topic": 0, "topic-metadata": {"class-name": "rotten"}}
    path = manifest(tmp_path / "a.manifest", row)
    with pytest.raises(VolantError, match=r"several label attributes.*mood, topic"):
        read(str(path), form())
    assert found(path, Form("classify", LABELS, label="topic"))[1] == [("a film", "rotten")]
    with pytest.raises(VolantError, match="Did you mean 'topic'"):
        read(str(path), Form("classify", LABELS, label="topics"))


def test_texts_beside_a_manifest_are_fetched_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "set"
    (folder / "texts").mkdir(parents=True)
    (folder / "texts/1.txt").write_text("a lovely film, at length")
    os.symlink(tmp_path / "secret.txt", folder / "texts/link.txt")
    refs = ["texts/1.txt", "../secret.txt", str(tmp_path / "secret.txt"), "texts/link.txt"]
    refs += ["file:///etc/hostname", "http://127.0.0.1:1/a", "texts/missing.txt"]
    rows = [{"source-ref": ref, **{k: v for k, v in single("", "fresh").items() if k != "source"}} for ref in refs]
    path = manifest(folder / "a.manifest", *rows)
    assert found(path, form())[1] == [("a lovely film, at length", "fresh")]
    bad = rows_of(read(str(path), form()), "classify", LABELS).bad
    assert [one.line for one in bad] == [2, 3, 4, 5, 6, 7]
    assert all("neither at s3:// nor beside" in one.detail for one in bad[:-1])
    assert "does not exist" in bad[-1].detail


def test_half_an_emoji_is_a_bad_row_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.manifest"
    path.write_text(json.dumps(single("a film \ud83d", "fresh")))
    bad = check(rows_of(read(str(path), form()), "classify", LABELS).table, str(path), "classify", LABELS, False)
    assert [one.reason for one in bad] == ["wrong encoding"]
