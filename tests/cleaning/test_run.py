"""The engine: the same texts one by one, in batches and in tables; what is dropped, from where, and why."""

import logging

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volant.cleaning import clean_batch, clean_tables, clean_texts, run
from volant.cleaning.offsets import clean_text
from volant.errors import VolantError
from volant.kinds.record import TRIPLES, Annotation, Triple

STEPS = ["html", "lower", "whitespace", "drop_empty", "drop_duplicates", "drop_leaks"]


def table(*rows: tuple[str, str | list[str]]) -> pa.Table:
    texts, targets = zip(*rows, strict=True)
    column = "label" if isinstance(targets[0], str) else "labels"
    ids = [f"r{at}" for at in range(len(rows))]
    return pa.table({"id": ids, "text": texts, column: targets, "stars": [5] * len(rows)})


def splits(*train: tuple[str, str]) -> dict[str, pa.Table]:
    return {
        "train": table(*train),
        "validation": table(("valid", "x"), ("Shared <b>v</b>", "x")),
        "test": table(("tested", "x"), ("tested", "y"), ("Tested<br>", "x"), ("shared  v", "x")),
    }


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH_ROWS", 2)


def table_of(texts: list[str]) -> pa.Table:
    return pa.table({"id": [str(at) for at in range(len(texts))], "text": pa.array(texts, pa.large_string())})


@given(st.lists(st.text("aB <br>&amp;é\n", max_size=20), min_size=1))
def test_tables_batches_and_texts_are_cleaned_alike(texts: list[str]) -> None:
    expected = clean_texts(texts, STEPS)
    batch, counts = clean_batch(pa.RecordBatch.from_pydict({"text": texts}), STEPS)
    tables, report = clean_tables({"train": table_of(texts)}, STEPS[:3])
    assert batch["text"].to_pylist() == tables["train"]["text"].to_pylist() == expected
    assert tables["train"].schema == table_of(texts).schema
    for step in STEPS[:3]:
        assert report["splits"]["train"]["steps"][step]["changed"] == counts[step]


def test_drops_say_how_many_and_why_and_leave_test_alone() -> None:
    train = [
        ("Kept", "x"),
        ("kept <b></b>", "x"),  # repeats
        ("KEPT", "y"),  # contradicts two that agree
        ("torn", "x"),
        ("torn", "y"),  # one against one: nobody knows
        ("<br>", "x"),  # empty once clean
        ("Tested", "y"),  # is in test
        ("VALID", "x"),  # is in validation
    ]
    cleaned, report = clean_tables(splits(*train), STEPS)
    assert cleaned["train"].to_pylist() == [{"id": "r0", "text": "kept", "label": "x", "stars": 5}]
    assert cleaned["validation"]["text"].to_pylist() == ["valid"]
    assert cleaned["test"]["text"].to_pylist() == ["tested", "tested", "tested", "shared v"]
    steps = report["splits"]["train"]["steps"]
    assert steps["drop_empty"] == {"dropped": 1}
    assert steps["drop_duplicates"] == {"dropped": 4, "duplicate": 1, "conflicting": 3}
    assert steps["drop_leaks"] == {"dropped": 2}
    assert (report["splits"]["train"]["rows_in"], report["splits"]["train"]["rows_out"]) == (8, 1)
    assert report["splits"]["test"]["steps"]["drop_duplicates"]["dropped"] == 0


def test_only_empty_rows_leave_test() -> None:
    tables = splits(("Kept", "x")) | {"test": table((" ", "x"), ("long " * 9, "x"), ("Kept", "x"))}
    cleaned, _ = clean_tables(tables, ["whitespace", "drop_empty", {"drop_long": {"max_chars": 10}}])
    assert cleaned["test"]["text"].to_pylist() == [("long " * 9).strip(), "Kept"]
    assert cleaned["validation"]["text"].to_pylist() == ["valid"]  # the other is longer than 10


def test_labels_in_another_order_do_not_conflict() -> None:
    tables = {"train": table(("a", ["x", "y"]), ("a", ["y", "x"]), ("b", ["x"]))}
    cleaned, report = clean_tables(tables, ["drop_duplicates"])
    assert cleaned["train"]["id"].to_pylist() == ["r0", "r2"]
    assert report["splits"]["train"]["steps"]["drop_duplicates"]["conflicting"] == 0


def test_a_dead_step_is_a_warning_in_the_report_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _, report = clean_tables(splits(("Kept", "x")), ["lower", "emails"])
    assert report["warnings"] == ["The cleaning step 'emails' changed no row: remove it, or move it up."]
    assert caplog.messages == report["warnings"]


def test_prediction_drops_nothing() -> None:
    assert clean_texts(["<br>", "A", "a"], STEPS) == ["", "a", "a"]


def test_null_text_and_null_spans_pass() -> None:
    batch = pa.RecordBatch.from_pydict({"text": ["A", None], "spans": [None, []]})
    assert clean_batch(batch, ["lower"])[0].to_pylist() == [
        {"text": "a", "spans": None},
        {"text": "", "spans": []},
    ]


def test_refuses_rows_without_text_and_a_train_split_cleaned_away() -> None:
    with pytest.raises(VolantError, match=r"no column 'text'\. Columns: txt"):
        clean_tables({"train": pa.table({"txt": ["a"]})}, STEPS)
    with pytest.raises(VolantError, match="left no row of train"):
        clean_tables({"train": table((" ", "x"))}, ["drop_empty"])


def test_parts_of_facts_go_through_the_steps_of_their_text() -> None:
    rows = [
        [{"subject": "<b>Ann</b>", "predicate": "Lives In", "object": "New  York"}],
        [
            {"subject": "<br>", "predicate": "knows", "object": "Bob"},
            {"subject": "É", "predicate": "at", "object": "B"},
        ],
        [],
        None,
    ]
    texts = ["<b>Ann</b> in New  York", "<br>Bob É B", "", ""]
    batch = pa.RecordBatch.from_pydict({"text": texts, "triples": pa.array(rows, TRIPLES)})
    cleaned, counts = clean_batch(batch, STEPS)
    assert cleaned["triples"].to_pylist() == [
        [{"subject": "ann", "predicate": "Lives In", "object": "new york"}],
        [{"subject": "é", "predicate": "at", "object": "b"}],
        [],
        None,
    ]
    assert cleaned.schema == batch.schema
    assert counts["spans_lost"] == 1
    for text, facts in zip(cleaned["text"].to_pylist(), cleaned["triples"].to_pylist(), strict=True):
        assert all(fact[part] in text for fact in facts or () for part in ("subject", "object"))


def test_facts_are_given_in_the_raw_text() -> None:
    raw = "<b>Ann</b>  lives in\tNew   York"
    cleaned = clean_text(raw, STEPS)
    fact = Triple("ann", "lives in", "new york", (0, 3), (13, 21), 0.5)
    moved = cleaned.annotation(Annotation(triples=(fact, Triple("x", "at", "y"))), raw).triples
    assert moved == (Triple("Ann", "lives in", "New   York"), Triple("x", "at", "y"))
    assert (moved[0].subject_at, moved[0].object_at, moved[0].score) == ((3, 6), (21, 31), 0.5)
