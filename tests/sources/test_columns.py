import pyarrow as pa
import pytest

from volant.errors import VolantError
from volant.kinds.record import SPANS
from volant.sources.columns import check_rows, to_rows
from volant.sources.labels import parse_list
from volant.sources.mapping import Columns, gold_columns


def test_integers_and_names_both_map_and_dropped_labels_go() -> None:
    table = pa.table({"text": ["a", "b", "c", "d"], "sentiment": [0, 4, 2, 4], "user": ["u", "v", "w", "x"]})
    mapping = Columns(label=["sentiment", "label"], label_map={0: "negative", "4": "positive"}, drop_labels=[2])
    rows = to_rows(table, mapping, "classify", "here")
    assert rows["label"].to_pylist() == ["negative", "positive", "positive"]
    assert rows["user"].to_pylist() == ["u", "v", "x"]
    assert rows.column_names == ["id", "text", "label", "user"]

    mirror = pa.table({"text": ["a", "b", "c"], "label": ["negative", "positive", "neutral"]})
    mapping = Columns(label=["sentiment", "label"], label_map={0: "negative", 4: "positive"}, drop_labels=["neutral"])
    assert to_rows(mirror, mapping, "classify", "here")["label"].to_pylist() == ["negative", "positive"]


def test_whole_floats_and_booleans_map_like_integers_and_names() -> None:
    table = pa.table({"text": ["a", "b"], "label": [0.0, 1.0]})
    rows = to_rows(table, Columns(label_map={0: "no", 1: "yes"}), "classify", "here")
    assert rows["label"].to_pylist() == ["no", "yes"]
    table = pa.table({"text": ["a", "b"], "label": [True, False]})
    assert to_rows(table, Columns(), "classify", "here")["label"].to_pylist() == ["true", "false"]


def test_where_keeps_rows_of_one_or_several_values() -> None:
    table = pa.table({"text": ["a", "b", "c"], "label": ["x", "y", "x"], "year": [1, 2, 3]})
    assert to_rows(table, Columns(where={"year": [1, 3]}), "classify", "here")["text"].to_pylist() == [
        "a",
        "c",
    ]
    assert to_rows(table, Columns(where={"year": 2}), "classify", "here")["text"].to_pylist() == ["b"]
    with pytest.raises(VolantError, match=r"columns.where: no column 'yaer'. Did you mean 'year'\?"):
        to_rows(table, Columns(where={"yaer": 2}), "classify", "here")


def test_rows_without_a_label_go_where_config_says_so() -> None:
    table = pa.table({"text": ["a", "b", "c", "d"], "label": ["x", None, " ", "y"]})
    rows = to_rows(table, Columns(drop_labels=[""], label_map={"x": "X", "y": "Y"}), "classify", "here")
    assert rows.select(["text", "label"]).to_pydict() == {"text": ["a", "d"], "label": ["X", "Y"]}
    lists = pa.table({"text": ["a", "b", "c"], "label": [["x"], None, []]})
    rows = to_rows(lists, Columns(drop_labels=[""]), "multilabel", "here")
    assert rows["labels"].to_pylist() == [["x"], []], "an empty list says that no label is right"


def test_ids_are_stable_and_unique_and_follow_text_and_label() -> None:
    table = pa.table({"text": ["a", "b", "a", "a"], "label": ["x", "x", "x", "y"]})
    ids = to_rows(table, Columns(), "classify", "here")["id"].to_pylist()
    # sha256 of "a\x1fx": a change of the rule would orphan all feedback that refers to ids
    assert ids[0] == "ef3b13ba3e862a91"
    assert len(set(ids)) == 4
    assert ids[2] == f"{ids[0]}-2"
    assert to_rows(table.slice(1), Columns(), "classify", "here")["id"][0].as_py() == ids[1]


@pytest.mark.parametrize(("ids", "problem"), [(["1", "1"], "'1' more than once"), (["1", None], "empty in a row")])
def test_a_given_id_must_be_unique_and_filled_in(ids: list[str | None], problem: str) -> None:
    table = pa.table({"key": ids, "text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(VolantError, match=problem):
        to_rows(table, Columns(id="key"), "classify", "here")
    good = table.set_column(0, "key", pa.array([7, 8]))
    assert to_rows(good, Columns(id="key"), "classify", "here")["id"].to_pylist() == ["7", "8"]


def test_several_labels_from_cells_and_from_lists() -> None:
    cells = pa.table({"text": ["a", "b", "c"], "tags": ["x|y", " y | y ", ""]})
    rows = to_rows(cells, Columns(label="tags", separator="|"), "multilabel", "here")
    assert rows["labels"].to_pylist() == [["x", "y"], ["y"], []]
    lists = pa.table({"text": ["a", "b", "c"], "tags": [[0, 1], [1], []]})
    mapping = Columns(label="tags", label_map={0: "x", 1: "y"}, drop_labels=["y"])
    rows = to_rows(lists, mapping, "multilabel", "here")
    assert rows["labels"].to_pylist() == [["x"], []], "a row is left out when all its labels are"
    assert rows.schema.field("labels").type == pa.list_(pa.string())


@pytest.mark.parametrize("separator", [None, ",", "|"])
def test_lists_written_as_text_are_lists(separator: str | None) -> None:
    cells = [
        '["a", "b"]',
        "['a', 'b']",
        "['a' 'b']",
        "['a'\n 'b']",
        "['b', 'a', 'a']",
        '["it\'s, it"]',
        "[1, 2.0]",
        "[]",
    ]
    cells += ["['it\\'s']", "[null]", "[None, nan]", "[other]", "[[1]]"]
    table = pa.table({"text": ["t"] * len(cells), "labels": cells})
    found = to_rows(table, Columns(label="labels", separator=separator), "multilabel", "here")["labels"].to_pylist()
    assert found[:8] == [["a", "b"]] * 4 + [["b", "a"], ["it's, it"], ["1", "2"], []]
    assert found[8:] == [["it's"], [], [], ["[other]"], ["[[1]]"]], "what is no plain list stays one label"


def test_riders_are_plain_columns_and_never_hide_ours() -> None:
    table = pa.table(
        {
            "review": ["a"], "sentiment": ["x"], "text": ["other"], "id": [9], "tokens": [["a"]],
            "city": pa.array(["Rome"]).dictionary_encode(), "big": pa.array(["z"], pa.large_string()),
        }
    )  # fmt: skip
    rows = to_rows(table, Columns(text="review", label="sentiment"), "classify", "here")
    assert rows.column_names == ["id", "text", "label", "source_text", "source_id", "city", "big"]
    assert rows["city"].type == rows["big"].type == pa.string()
    kept = to_rows(table, Columns(text="review", label="sentiment", keep=["city"]), "classify", "here")
    assert kept.column_names == ["id", "text", "label", "city"]


def test_a_missing_text_is_kept_as_empty_for_cleaning_to_count() -> None:
    rows = to_rows(pa.table({"text": ["a", None], "label": ["x", "y"]}), Columns(), "classify", "here")
    assert rows["text"].to_pylist() == ["a", ""]
    assert "1 rows have an empty text" in " ".join(check_rows(rows, "classify", "here"))


@pytest.mark.parametrize(
    ("mapping", "kind", "problem"),
    [
        (
            Columns(text="txet"),
            "classify",
            r"no column 'txet'. Did you mean 'text'\? Its columns: text, label, tags",
        ),
        (Columns(label=["a", "b"]), "classify", "no column 'a' or 'b'"),
        (Columns(keep=["nope"], where={"text": "a"}), "classify", "columns.keep: no column 'nope'"),
        (Columns(), "classify", "column 'label', row 3: no label"),
        (
            Columns(label_map={"x": "X"}, where={"label": ["x", "y"]}),
            "classify",
            "row 2: label 'y' is not in",
        ),
        (Columns(label="tags"), "classify", r"row 2 holds lists of labels \(q, o\), but kind classify"),
        (Columns(separator="|"), "classify", r"split at '\|', but kind classify"),
        (Columns(text="tags"), "multilabel", "row 3: no label"),
        (Columns(text="tags", where={"label": "x"}), "classify", "holds list<.*>, not text"),
        (Columns(), "entitees", "kind 'entitees'"),
    ],
)
def test_each_mistake_names_the_place_and_the_way_out(mapping: Columns, kind: str, problem: str) -> None:
    table = pa.table({"text": ["a", "b", "c"], "label": ["x", "y", None], "tags": [["p"], ["q", "o"], ["r"]]})
    with pytest.raises(VolantError, match=problem):
        to_rows(table, mapping, kind, "here")


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ([], "no labelled rows"),
        (["x"] * 9, r"one class only \('x'\) in 9 rows"),
        ([str(i) for i in range(20)], "20 different labels in 20 rows"),
    ],
)
def test_rows_that_teach_nothing_are_refused(labels: list[str], problem: str) -> None:
    table = pa.table({"text": pa.array(["a"] * len(labels), pa.string()), "label": pa.array(labels, pa.string())})
    with pytest.raises(VolantError, match=problem):
        check_rows(table, "classify", "here")


def test_no_text_and_no_label_at_all_are_refused() -> None:
    with pytest.raises(VolantError, match="every text is empty"):
        check_rows(pa.table({"text": ["", " "], "label": ["x", "y"]}), "classify", "here")
    empty = pa.table({"text": ["a", "b"], "labels": pa.array([[], []], pa.list_(pa.string()))})
    with pytest.raises(VolantError, match="no label at all"):
        check_rows(empty, "multilabel", "here")


def test_rare_and_misspelt_labels_are_warned_of() -> None:
    table = pa.table({"text": list("abcde"), "label": ["x", "x", "y", "y", "X"]})
    warnings = " ".join(check_rows(table, "classify", "here"))
    assert "only one row each for X" in warnings
    assert "X, x differ only in case" in warnings
    assert check_rows(table.slice(0, 4), "classify", "here") == []
    numbers = pa.table({"text": list("abcdef"), "label": ["0", "0.0", "1", "1.0", "10", "v1"]})
    assert "0, 0.0, 1, 1.0 differ only in case or by `.0`" in " ".join(check_rows(numbers, "classify", "here"))


def test_a_cell_as_long_as_a_text_is_no_list() -> None:
    """Matching one of a megabyte would take minutes."""
    assert parse_list("[" + "1, " * 1000 + "1]") == [1] * 1001
    assert parse_list("[" + "1, " * 2000 + "1]") is None


def test_gold_of_a_label_with_spans_is_named_or_found() -> None:
    spans = pa.array([[{"start": 0, "end": 1, "label": "x"}]], SPANS)
    table = pa.table({"text": ["a"], "intent": ["b"], "slots": spans})
    targets = ("label", "spans")
    assert gold_columns(table, Columns(label="intent"), targets, "a") == {"label": "intent", "spans": "slots"}
    two = table.append_column("chunks", spans)
    with pytest.raises(
        VolantError, match=r"a: several columns hold spans: slots, chunks\. Choose with `columns\.spans`"
    ):
        gold_columns(two, Columns(label="intent"), targets, "a")
    named = Columns(label="intent", spans=["ner", "chunks"])
    assert gold_columns(two, named, targets, "a") == {"label": "intent", "spans": "chunks"}
    assert gold_columns(
        table.rename_columns(["text", "mood", "spans"]), Columns(label=["tags", "spans"]), ("spans",), "a"
    ) == {"spans": "spans"}
