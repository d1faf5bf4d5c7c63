"""Splits: nothing leaks, labels keep their shares, the seed decides all."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from projects import ROOT
from volant.cleaning import clean_tables
from volant.config import Split
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.near_duplicates import clusters
from volant.splits import cut

CLASSIFY, MULTILABEL = KINDS["classify"], KINDS["multilabel"]


def rows(count: int = 600, groups: int = 60) -> pa.Table:
    """Rows of which every tenth says nearly the same as the one before it."""
    texts = []
    for i in range(count):
        words = " ".join(f"w{(i * 7919 + k * 104729) % 5003}" for k in range(20))
        texts.append(texts[-1] + "!" if i % 10 == 9 else words)
    labels = ["rare" if i % 20 == 0 else "yes" if i % 2 else "no" for i in range(count)]
    names = [f"g{i % groups}" for i in range(count)]
    return pa.table({"id": [str(i) for i in range(count)], "text": texts, "label": labels, "group": names})


def test_near_duplicates_and_groups_stay_on_one_side() -> None:
    done = cut({"train": rows()}, CLASSIFY, Split(group="group"), seed=1)
    sides = {name: set(table["group"].to_pylist()) for name, table in done.splits.items()}
    assert not sides["train"] & sides["test"]
    assert not sides["train"] & sides["validation"]
    assert not sides["validation"] & sides["test"]
    texts = [(name, text) for name, table in done.splits.items() for text in table["text"].to_pylist()]
    numbers = clusters([text for _, text in texts], 0.8)
    where: dict[int, set[str]] = {}
    for (name, _), number in zip(texts, numbers.tolist(), strict=True):
        where.setdefault(number, set()).add(name)
    assert all(len(names) == 1 for names in where.values())
    assert sum(done.report["dropped"].values()) > 0


def test_shares_are_kept_and_every_row_is_accounted_for() -> None:
    done = cut({"train": rows()}, CLASSIFY, Split(), seed=1)
    assert sum(len(table) for table in done.splits.values()) == 600
    counts = {name: Counter(table["label"].to_pylist()) for name, table in done.splits.items()}
    assert 100 <= len(done.splits["test"]) <= 140
    for name in ("train", "validation", "test"):
        assert counts[name]["rare"] / counts[name].total() == pytest.approx(0.05, abs=0.03)


def test_same_seed_same_rows_another_seed_others() -> None:
    first, again, other = (cut({"train": rows()}, CLASSIFY, Split(), seed=s).splits["test"] for s in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_published_test_is_kept_and_train_loses_what_it_repeats() -> None:
    table = rows(200)
    test = table.slice(0, 20)
    done = cut({"train": table, "test": test}, CLASSIFY, Split(), seed=1)
    assert done.splits["test"].equals(test)
    assert not set(done.splits["train"]["text"].to_pylist()) & set(test["text"].to_pylist())
    dropped = done.report["dropped"]
    assert dropped["train_near_duplicates"] + dropped["validation_near_duplicates"] >= 20


def test_subset_is_stratified_and_of_the_size_asked() -> None:
    done = cut({"train": rows()}, CLASSIFY, Split(train_subset_size=60), seed=1)
    counts = Counter(done.splits["train"]["label"].to_pylist())
    assert counts.total() == 60
    assert set(counts) == {"rare", "yes", "no"}


@pytest.mark.parametrize("left_out", [1, 2, 3, 5])
def test_a_subset_may_leave_out_fewer_rows_than_there_are_labels(left_out: int) -> None:
    whole = len(cut({"train": rows()}, CLASSIFY, Split(), seed=1).splits["train"])
    done = cut({"train": rows()}, CLASSIFY, Split(train_subset_size=whole - left_out), seed=1)
    assert len(done.splits["train"]) == whole - left_out


@pytest.mark.parametrize("conf", sorted((ROOT / "conf/flywheel").glob("*.yaml")), ids=lambda path: path.stem)
def test_texts_that_cleaning_makes_alike_stay_in_test_alone(conf: Path) -> None:
    """Splits are cut before texts are cleaned, and most differences are taken out only then."""
    train = ["@ann thank you", "see https://a.example/1", "<b>fine</b> by me", "a text of its own", "and one more"]
    test = ["@bob thank you", "see https://b.example/2", "<i>fine</i> by me"]
    tables = {
        name: pa.table({"id": texts, "text": texts, "label": ["x"] * len(texts)})
        for name, texts in (("train", train), ("validation", [*train[:2], "valid"]), ("test", test))
    }
    done = cut(tables, CLASSIFY, Split(), seed=1)
    cleaned, _ = clean_tables(done.splits, yaml.safe_load(conf.read_text("utf-8"))["cleaning"])
    held = {name: set(table["text"].to_pylist()) for name, table in cleaned.items()}
    assert held["test"] & (held["train"] | held["validation"]) == set()
    assert held["train"] & held["validation"] == set()
    assert cleaned["test"]["id"].to_pylist() == test, "what is published stays"
    assert "a text of its own" in held["train"]


def test_multilabel_rows_are_cut_by_their_rarest_label() -> None:
    labels = [["a", "b"] if i % 10 == 0 else ["a"] if i % 2 else [] for i in range(300)]
    table = pa.table(
        {
            "id": [str(i) for i in range(300)],
            "text": [f"t{i} u{i} v{i}" for i in range(300)],
            "labels": labels,
        }
    )
    test = cut({"train": table}, MULTILABEL, Split(), seed=1).splits["test"]
    assert sum("b" in row for row in test["labels"].to_pylist()) == 6


def test_a_group_that_is_no_column_is_named_with_those_there_are() -> None:
    with pytest.raises(VolantError, match=r"'movie'.*id, text, label, group"):
        cut({"train": rows(50)}, CLASSIFY, Split(group="movie"), seed=1)


def test_one_group_cannot_be_cut() -> None:
    with pytest.raises(VolantError, match="only one group"):
        cut({"train": rows(50, groups=1)}, CLASSIFY, Split(group="group"), seed=1)
