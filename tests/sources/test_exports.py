"""Files as labelling tools and spreadsheets write them, read alike by every verb."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.tables import read_file
from volant.bundle.batch.predicting import read_texts
from volant.bundle.batch.reading import documents
from volant.config import read_params
from volant.config.yaml_traps import check_traps
from volant.datasets.ingest.checks import rows_of
from volant.datasets.ingest.reading import Raw, form_of, read
from volant.errors import VolantError
from volant.sources.columns import to_rows
from volant.sources.files import Files, require_plain
from volant.sources.formats import Format
from volant.sources.formats.options import Options, parse_where
from volant.sources.guess.infer import infer
from volant.sources.guess.load import load
from volant.sources.hub import Hub
from volant.sources.mapping import Columns
from volant.sources.states import require_answered
from volant.sources.unmatched import take_notes

TEXTS = ["a warm, tidy lamp", "a dull drawer", "a müde chair"]


def lines(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def ingested(path: str, kind: str = "classify", **source: Any) -> list[tuple[str, Any]]:
    raw: Raw = read(path, form_of(kind, source, ("good", "bad", "urgent")))
    table = rows_of(raw, kind, ("good", "bad", "urgent")).table
    return list(
        zip(table["text"].to_pylist(), table["label" if kind == "classify" else "labels"].to_pylist(), strict=True)
    )


def every_reader(path: Path, column: str = "text") -> list[list[str]]:
    """The texts of a file for `new`, for `predict`, and for a job."""
    table = load(str(path), Format()).table
    name = next(name for name in table.column_names if name.casefold() == "text")
    job = [text for _, text in documents(path, column=column, name=path.name)]
    return [table[name].to_pylist(), list(read_texts(path, column)), job]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("excel.txt", "\n".join(["Text\tLabel", *(f"{t}\tgood" for t in TEXTS)]).encode("utf-16")),
        ("cp1252.csv", "\n".join(["label;text", *(f"good;{t}" for t in TEXTS)]).encode("cp1252")),
        ("spark.csv", b'text,label\n"a warm, tidy lamp",good\n"a dull drawer",bad\n"a m\xc3\xbcde chair",good\n'),
        ("list.json", json.dumps([{"text": t, "label": "good"} for t in TEXTS]).encode()),
        (
            "tasks.json",
            json.dumps(
                [{"data": {"text": t}, "annotations": [{"result": [], "was_cancelled": False}]} for t in TEXTS],
                indent=2,
            ).encode(),
        ),
        (
            "a.manifest",
            "\n".join(
                json.dumps({"source": t, "m": 1, "m-metadata": {"class-name": "good", "type": "groundtruth/x"}})
                for t in TEXTS
            ).encode(),
        ),
        (
            "comprehend.csv",
            "\n".join(f'{n},"{t}"' for n, t in zip(["good", "bad", "good"], TEXTS, strict=True)).encode(),
        ),
    ],
)
def test_new_predict_and_jobs_read_the_same_texts(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert every_reader(tmp_path / name) == [TEXTS] * 3


def test_escaped_quotes_are_found_and_an_order_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"he said \\"well\\", and left",good\n')
    assert ingested(str(path)) == [('he said "well", and left', "good")]
    assert every_reader(path) == [['he said "well", and left']] * 3
    path.write_text("text|label\nwell~| good|good\n")
    assert read_file(str(path), Options(escape="~").form()).to_pydict() == {"text": ["well| good"], "label": ["good"]}
    path.write_text('text,label\na,b\n"c"d,e\n')
    with pytest.raises(VolantError, match="--escape"):
        read_file(str(path))


def test_an_encoding_is_tried_in_order_and_only_an_option_is_an_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        path.write_bytes("text;label\nein schöner Kessel;good\n".encode(encoding))
        assert ingested(str(path), encoding="cp1252") == [("ein schöner Kessel", "good")], encoding
        assert Files(str(path), encoding="cp1252").read("classify")["train"]["text"].to_pylist() == [
            "ein schöner Kessel"
        ]
    path.write_bytes("text;label\nein schöner Kessel;good\n".encode())
    raw = read(str(path), form_of("classify", {}, (), "cp1252"))
    assert raw.table["text"].to_pylist() == ["ein schÃ¶ner Kessel"]
    path.write_bytes("text\nabc\n".encode("utf-16-le"))
    assert read_file(str(path), Format(fallback="utf-16-le")).to_pydict() == {"text": ["abc"]}


@pytest.mark.parametrize(
    ("column", "values", "good"),
    [
        ("answer", ["accept", "reject", "ignore"], "{answer: accept}"),
        ("status", ["submitted", "discarded", "submitted"], "{status: submitted}"),
        ("label.responses.status", [["submitted"], ["discarded"], ["submitted"]], "submitted"),
        ("was_cancelled", [False, True, False], '{was_cancelled: "false"}'),
        ("skipped", [0, 1, 0], '{skipped: "0"}'),
        ("is_approved", ["true", "false", "true"], '{is_approved: "true"}'),
    ],
)
def test_states_of_annotation_stop_new_and_ingest_until_they_are_answered(
    tmp_path: Path, column: str, values: list[Any], good: str
) -> None:
    rows = [{"text": t, "label": "good", column: v} for t, v in zip(TEXTS, values, strict=True)]
    path = lines(tmp_path / "a.jsonl", *rows)
    with pytest.raises(VolantError, match=f"column '{column}' holds the state") as raised:
        read(path, form_of("classify", {}, ("good",)))
    assert good in str(raised.value)
    wanted = str(values[0][0] if isinstance(values[0], list) else values[0]).lower()
    where = {column: wanted}
    assert ingested(path, columns={"where": where})[0] == (TEXTS[0], "good")
    assert "reject" not in str(ingested(path, columns={"where": where}))
    table = read_file(path)
    require_answered(table, {column}, path)
    require_answered(table.slice(0, 1), (), path)


def test_a_status_of_something_else_is_no_state() -> None:
    table = pa.table({"text": ["a", "b"], "status": ["open", "closed"], "plan": ["rejected", "pending"]})
    require_answered(table, (), "here")
    assert parse_where(["answer=accept", "lang=de, en"]) == {"answer": ["accept"], "lang": ["de", "en"]}
    with pytest.raises(VolantError, match="is not COLUMN=VALUE"):
        parse_where(["answer"])


def test_choices_and_lists_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('text,label\none,"{""choices"": [""good"", ""urgent""]}"\ntwo,bad\n')
    assert ingested(str(path), "multilabel") == [("one", ["good", "urgent"]), ("two", ["bad"])]
    with pytest.raises(VolantError, match=r"row 1 holds lists of labels \(good, urgent\)"):
        ingested(str(path))
    one = lines(tmp_path / "a.jsonl", {"text": "one", "label": ["good"]}, {"text": "two", "label": ["bad"]})
    assert ingested(one) == [("one", "good"), ("two", "bad")]
    guess = infer(
        pa.table({"text": [f"text {n}" for n in range(8)], "label": [["a"], ["b"]] * 4}), None, None, None, ""
    )
    assert guess.kind == "classify"
    mixed = lines(tmp_path / "b.jsonl", {"text": "one", "m": {"choices": ["good", "bad"]}}, {"text": "two", "m": "bad"})
    assert read_file(mixed)["m"].to_pylist() == [["good", "bad"], ["bad"]]


def test_columns_of_0_and_1_are_labels() -> None:
    table = pa.table({"body": ["one", "two", "three"], "toxic": [1, 0, 0], "rude": ["1", "1", "0"]})
    guess = infer(table, "body", "toxic,rude", None, "here")
    assert (guess.kind, guess.label_columns) == ("multilabel", ("toxic", "rude"))
    rows = to_rows(table, Columns(text="body", label_columns=["toxic", "rude"]), "multilabel", "here")
    assert rows["labels"].to_pylist() == [["toxic", "rude"], ["rude"], []]
    with pytest.raises(VolantError, match="'2' is neither 0 nor 1"):
        to_rows(pa.table({"text": ["a"], "n": [2]}), Columns(label_columns=["n"]), "multilabel", "here")
    wide = pa.table({"body": [f"a long text {n}" for n in range(8)], "x": ["0", "1"] * 4, "y": ["1", "0"] * 4})
    with pytest.raises(VolantError, match="--label x,y"):
        infer(wide, None, None, None, "here")


def manifest_row(text: str, **attributes: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"source": text}
    for name, label in attributes.items():
        row |= {name: 1, f"{name}-metadata": {"type": "groundtruth/x"} | ({"class-name": label} if label else {})}
    return row


def test_manifests_are_read_by_sources_as_by_ingest(tmp_path: Path) -> None:
    chained = lines(tmp_path / "a.manifest", manifest_row("one", m="good"), manifest_row("two", m="good", check="bad"))
    with pytest.raises(VolantError, match=r"several label attributes.*--label check,m"):
        load(chained, Format())
    assert load(chained, Format(), ["check", "m"]).table["check"].to_pylist() == ["good", "bad"]
    table = Files(chained, columns=Columns(label=["check", "m"])).read("classify")["train"]
    assert table["label"].to_pylist() == ["good", "bad"]
    unnamed = lines(tmp_path / "b.manifest", manifest_row("one", m=None))
    for reader in (lambda: load(unnamed, Format()), lambda: read(unnamed, form_of("classify", {}, ()))):
        with pytest.raises(VolantError, match="'m-metadata' has no 'class-name'"):
            reader()


def test_a_job_opens_nothing_that_a_manifest_names(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    row = manifest_row("", m="good")
    del row["source"]
    path = lines(tmp_path / "a.manifest", row | {"source-ref": "secret.txt"})
    assert list(read_texts(path, "text")) == ["secret"]
    with pytest.raises(VolantError, match="not fetched here"):
        list(documents(Path(path), name="a.manifest"))


def test_values_of_config_that_match_no_row_are_told() -> None:
    table = pa.table({"text": ["a", "b"], "label": ["1", "2"], "lang": ["de", "en"]})
    mapping = Columns(drop_labels=["01", "2"], where={"lang": ["de", "dee"]}, label_map={"1": "one", "9": "nine"})
    tables, said = take_notes({"train": to_rows(table, mapping, "classify", "here")})
    assert [line.split(":")[0] + line.split(":")[1] for line in said] == [
        "columns.where lang", "columns.label_map 9", "columns.drop_labels 01", "columns.drop_labels 2",
    ]  # fmt: skip
    assert "Did you mean 'de'" in said[0]
    assert tables["train"].schema.metadata is None


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("drop_labels: [01]", "the number 1"), ("where: {code: [01]}", "the number 1"), ("label_map: {no: bad}", "false"),
     ("labels: [yes]", "true"), ("drop_labels: [1e3]", None), ("drop_labels: [1.0]", None),
     ("where: {a: 1_000}", "1000")],
)  # fmt: skip
def test_words_that_yaml_reads_otherwise_are_refused(tmp_path: Path, written: str, read_as: str | None) -> None:
    (tmp_path / "flywheel").mkdir()
    (tmp_path / "flywheel/a.yaml").write_text(f"source:\n  columns:\n    {written}\n")
    if read_as is None:  # stays what it says
        check_traps(tmp_path)
        return
    with pytest.raises(VolantError, match=f"a.yaml, line 3: .*{read_as}.*with quotes"):
        check_traps(tmp_path)
    (tmp_path / "flywheel/a.yaml").write_text(
        "columns:\n  drop_labels: ['01', 2, plot]\n  label_map: {'no': x, 4: y}\n"
    )
    check_traps(tmp_path)


def test_a_merge_conflict_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("seed: 1\n<<<<<<< HEAD\nflywheels: {}\n=======\n>>>>>>> b\n")
    with pytest.raises(VolantError, match=r"line 2: a merge conflict.*volant params"):
        read_params(path)


def test_class_names_and_secret_labels_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}, "text": {"_type": "Value"}}}
    for split, labels in (("train", [0, 1]), ("test", [-1, -1])):
        table = pa.table({"text": ["a", "b"], "label": labels})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": features})})
        (tmp_path / "set").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / f"set/{split}.parquet")
    assert read_file(str(tmp_path / "set/train.parquet"))["label"].to_pylist() == ["bad", "good"]
    monkeypatch.setenv("VOLANT_MIRROR", str(tmp_path))
    with pytest.raises(VolantError, match=r"splits\.test: null"):
        Hub("set").read("classify")


def test_an_address_with_a_pattern_is_refused() -> None:
    require_plain("s3://bucket/what.csv")
    with pytest.raises(VolantError, match=r"'\?' can't be part of an address"):
        require_plain("s3://bucket/what?.csv")
