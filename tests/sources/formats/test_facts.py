"""Triples as DuIE, CasRel's sets and plain files write them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from support.parts import sheet
from volant.errors import VolantError
from volant.sources.formats.facts import facts_of
from volant.sources.parts import absent_facts, part_column

TEXT = "Rome is the capital of Italy"
SAID = [{"subject": "Rome", "predicate": "capitalOf", "object": "Italy"}]
TYPED = SAID[0] | {"subject_type": "city", "object_type": "state"}


@pytest.mark.parametrize(
    "row",
    [
        {"triples": SAID},
        {"triple_list": [["Rome", "capitalOf", "Italy"]]},
        {"triples": [["Rome", "capitalOf", "Italy"], ["Rome", "capitalOf", "Italy"]]},
        {"spo_list": [TYPED], "postag": [{"word": "Rome", "pos": "ns"}]},
        {"spo_list": [TYPED | {"object": {"@value": "Italy", "inArea": "Europe"}, "object_type": {"@value": "state"}}]},
        {"relations": [{"head": {"text": "Rome"}, "type": "capitalOf", "tail": {"text": "Italy"}}]},
        {"relationMentions": [{"em1Text": "Rome", "em2Text": "Italy", "label": "capitalOf"}]},
    ],
)
def test_each_set_says_the_same(tmp_path: Path, row: dict[str, Any]) -> None:
    content = [{"text": TEXT, **row}, {"text": "nothing", **{key: [] for key in row}}]
    table = sheet(tmp_path / "a.json", content).table
    column = part_column(table, "triples", "a.json")
    assert [facts_of(cell) for cell in table[column].to_pylist()] == [SAID, []]


@pytest.mark.parametrize(
    "cell", [[["a", "b"]], [{"subject": "a", "predicate": "b"}], ["a"], {"subject": "a"}, [["a", "", "c"]]]
)
def test_what_is_no_triple_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"no subject, predicate and object|in place of a list"):
        facts_of(cell)


def test_lists_of_three_texts_under_another_key_stay(tmp_path: Path) -> None:
    table = sheet(tmp_path / "a.jsonl", [{"text": "a", "tags": [["a", "b", "c"]]}]).table
    assert table["tags"].to_pylist() == [[["a", "b", "c"]]]
    with pytest.raises(VolantError, match=r"a\.jsonl: no column holds triples\. Its columns: text, tags\. Expected"):
        part_column(table, "triples", "a.jsonl")


def test_triples_that_the_text_does_not_hold_are_kept_counted_and_shown() -> None:
    facts = [*SAID, {"subject": "Rome", "predicate": "in", "object": "Europe"}]
    table = pa.table({"text": [TEXT, "x"], "triples": [facts, []]})
    (warning,) = absent_facts(table, "a.jsonl")
    assert warning.startswith("a.jsonl: 1 of 2 triples have a subject or an object that isn't in the text, as 'Europe'")
    assert absent_facts(table.select(["text"]), "a.jsonl") == []
    assert absent_facts(table.slice(1), "a.jsonl") == []


def test_csv_holds_triples_as_json(tmp_path: Path) -> None:
    table = sheet(tmp_path / "a.csv", 'text,facts\na,"[[""a"", ""b"", ""c""]]"\nb,\n').table
    assert table["facts"].to_pylist() == [[{"subject": "a", "predicate": "b", "object": "c"}], []]
    other = sheet(tmp_path / "b.csv", 'text,facts\na,"[[""a"", ""b"", ""c""]]"\nb,"[[1]]"\n').table
    assert other["facts"].to_pylist() == ['[["a", "b", "c"]]', "[[1]]"]
