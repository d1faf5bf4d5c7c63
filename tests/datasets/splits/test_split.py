"""Splits: nothing leaks, labels keep their shares, the seed decides all."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from support.projects import ROOT
from volant.cleaning import clean_tables
from volant.config import Split
from volant.datasets.describe.warnings import alike
from volant.datasets.splits.near_duplicates import clusters
from volant.datasets.splits.positions import positions
from volant.datasets.splits.split import split_rows
from volant.datasets.splits.stratified import spread
from volant.errors import VolantError
from volant.kinds import KINDS

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
    done = split_rows({"train": rows()}, CLASSIFY, Split(group="group", seed=1))
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
    done = split_rows({"train": rows()}, CLASSIFY, Split(seed=1))
    assert sum(len(table) for table in done.splits.values()) == 600
    counts = {name: Counter(table["label"].to_pylist()) for name, table in done.splits.items()}
    assert 100 <= len(done.splits["test"]) <= 140
    for name in ("train", "validation", "test"):
        assert counts[name]["rare"] / counts[name].total() == pytest.approx(0.05, abs=0.03)


def test_same_seed_same_rows_another_seed_others() -> None:
    first, again, other = (split_rows({"train": rows()}, CLASSIFY, Split(seed=s)).splits["test"] for s in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_published_test_is_kept_and_train_loses_what_it_repeats() -> None:
    table = rows(200)
    test = table.slice(0, 20)
    done = split_rows({"train": table, "test": test}, CLASSIFY, Split(seed=1))
    assert done.splits["test"].equals(test)
    assert not set(done.splits["train"]["text"].to_pylist()) & set(test["text"].to_pylist())
    dropped = done.report["dropped"]
    assert dropped["train_near_duplicates"] + dropped["validation_near_duplicates"] >= 20


def test_subset_is_stratified_and_of_the_size_asked() -> None:
    done = split_rows({"train": rows()}, CLASSIFY, Split(train_subset_size=60, seed=1))
    counts = Counter(done.splits["train"]["label"].to_pylist())
    assert counts.total() == 60
    assert set(counts) == {"rare", "yes", "no"}


@pytest.mark.parametrize("left_out", [1, 2, 3, 5])
def test_a_subset_may_leave_out_fewer_rows_than_there_are_labels(left_out: int) -> None:
    whole = len(split_rows({"train": rows()}, CLASSIFY, Split(seed=1)).splits["train"])
    done = split_rows({"train": rows()}, CLASSIFY, Split(train_subset_size=whole - left_out, seed=1))
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
    done = split_rows(tables, CLASSIFY, Split(seed=1))
    cleaned, _ = clean_tables(done.splits, yaml.safe_load(conf.read_text("utf-8"))["cleaning"])
    held = {name: set(table["text"].to_pylist()) for name, table in cleaned.items()}
    assert held["test"] & (held["train"] | held["validation"]) == set()
    assert held["train"] & held["validation"] == set()
    assert cleaned["test"]["id"].to_pylist() == test, "what is published stays"
    assert "a text of its own" in held["train"]


def told_apart(labels: list, texts: list[str] | None = None) -> pa.Table:
    """Rows of texts of their own, unless they are given."""
    target = "labels" if isinstance(labels[0], list) else "label"
    own = [f"a{i} b{i} c{i}" for i in range(len(labels))]
    return pa.table({"id": [str(i) for i in range(len(labels))], "text": texts or own, target: labels})


def template(count: int) -> list[str]:
    """Texts each of which is nearly the same as the one before it."""
    words = [f"w{k}" for k in range(count + 30)]
    return [" ".join(words[k : k + 30]) for k in range(count)]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("labels", [2, 3, 8])
def test_at_eight_rows_a_label_each_is_in_every_split_that_has_room(labels: int, seed: int) -> None:
    done = split_rows({"train": told_apart([f"l{k % labels}" for k in range(8 * labels)])}, CLASSIFY, Split(seed=seed))
    held = {name: set(table["label"].to_pylist()) for name, table in done.splits.items()}
    assert len(held["train"]) == len(held["test"]) == labels
    assert len(held["validation"]) == min(labels, len(done.splits["validation"]))


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_two_rows_are_in_train_and_in_test(seed: int) -> None:
    done = split_rows({"train": told_apart([*"xxyyzz", *["a", "b"] * 100])}, CLASSIFY, Split(seed=seed))
    counts = Counter(done.splits["test"]["label"].to_pylist())
    assert [counts[label] for label in "xyz"] == [1, 1, 1]
    assert counts.total() == 42


@pytest.mark.parametrize("seed", range(5))
def test_a_label_of_one_row_leaves_the_others_in_proportion(seed: int) -> None:
    done = split_rows({"train": told_apart(["once", *["a", "b"] * 50])}, CLASSIFY, Split(seed=seed))
    counts = Counter(done.splits["test"]["label"].to_pylist())
    assert counts.total() == 21
    assert min(counts["a"], counts["b"]) >= 10 - counts["once"]


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_only_some_rows_of_a_group_hold_are_spread(seed: int) -> None:
    groups = [f"g{i // 3}" for i in range(60)]
    table = told_apart(["rare" if i in (4, 34) else "usual" for i in range(60)]).append_column("movie", [groups])
    done = split_rows({"train": table}, CLASSIFY, Split(group="movie", seed=seed))
    rest = pa.concat_tables([done.splits["train"], done.splits["validation"]])
    assert done.splits["test"]["label"].to_pylist().count("rare") == 1
    assert rest["label"].to_pylist().count("rare") == 1


@pytest.mark.parametrize("seed", range(5))
def test_labels_beside_a_rarer_one_are_spread_too(seed: int) -> None:
    labels = [["a", "b"], ["b", "c"], ["a", "c"], ["c"], *[["d"]] * 36]
    done = split_rows({"train": told_apart(labels)}, MULTILABEL, Split(seed=seed))
    held = {label for row in done.splits["test"]["labels"].to_pylist() for label in row}
    assert held == set("abcd")
    assert len(done.splits["test"]) == 8


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_units_are_swapped_until_labels_stand_on_both_sides(data: st.DataObject) -> None:
    labels = np.array(data.draw(st.lists(st.integers(0, 6), min_size=2, max_size=40)))
    size = data.draw(st.integers(1, len(labels) - 1))
    side = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(labels)) < size
    held = csr_array((np.ones(len(labels), dtype=np.int64), (np.arange(len(labels)), labels)))
    done = spread(side, held, np.arange(len(labels)))
    assert done.sum() == size, "no side grows"
    often = {label for label, count in Counter(labels.tolist()).items() if count > 1}
    for mine in (done, ~done):
        lacking, there = often - set(labels[mine].tolist()), Counter(labels[mine].tolist())
        assert not lacking or max(there.values()) == 1, "a label is left out only where there is no room"


def test_texts_that_are_all_alike_cannot_be_cut_and_the_way_out_is_named() -> None:
    table = told_apart(["a", "b"] * 20, template(40))
    with pytest.raises(VolantError, match=r"All 40 texts are near-duplicates.*=0\.8: .*near_duplicates towards 1"):
        split_rows({"train": table}, CLASSIFY, Split(seed=1))
    assert len(split_rows({"train": table}, CLASSIFY, Split(near_duplicates=1, seed=1)).splits["test"]) == 8
    same = told_apart(["a", "b"] * 20, ["The same.", "the same"] * 20)
    with pytest.raises(VolantError, match=r"=1: .*while another is in train\. Add other texts\.$"):
        split_rows({"train": same}, CLASSIFY, Split(near_duplicates=1, seed=1))
    with pytest.raises(VolantError, match="only one text"):
        split_rows({"train": told_apart(["a", "b"], ["x", "x"])}, CLASSIFY, Split(seed=1))


def test_a_train_without_rows_is_told_with_what_was_dropped() -> None:
    table = told_apart(["a", "b"] * 20, template(40))
    sides = {"train": table.slice(2), "test": table.slice(0, 2)}
    with pytest.raises(VolantError, match=r"left for (train|validation): \d+ were dropped as near-duplicates.*=0\.8"):
        split_rows(sides | {"validation": table.slice(5, 2)}, CLASSIFY, Split(seed=1))


def test_the_largest_cluster_is_reported() -> None:
    texts = template(30) + [f"a{i} b{i} c{i}" for i in range(30)]
    report = split_rows({"train": told_apart(["a", "b"] * 30, texts)}, CLASSIFY, Split(seed=1)).report
    assert report["alike"] == {"rows": 30, "of": 60, "near_duplicates": 0.8}
    assert alike(report)[0].startswith("30 of 60 rows with text are near-duplicates")


def test_multilabel_rows_are_cut_by_their_rarest_label() -> None:
    labels = [["a", "b"] if i % 10 == 0 else ["a"] if i % 2 else [] for i in range(300)]
    table = pa.table(
        {
            "id": [str(i) for i in range(300)],
            "text": [f"t{i} u{i} v{i}" for i in range(300)],
            "labels": labels,
        }
    )
    test = split_rows({"train": table}, MULTILABEL, Split(seed=1)).splits["test"]
    assert sum("b" in row for row in test["labels"].to_pylist()) == 6


def test_a_group_that_is_no_column_is_named_with_those_there_are() -> None:
    with pytest.raises(VolantError, match=r"'movie'.*id, text, label, group"):
        split_rows({"train": rows(50)}, CLASSIFY, Split(group="movie", seed=1))


def test_one_group_cannot_be_cut() -> None:
    with pytest.raises(VolantError, match="only one group"):
        split_rows({"train": rows(50, groups=1)}, CLASSIFY, Split(group="group", seed=1))


def own_rows(count: int, movies: int | None = None) -> pa.Table:
    """Rows of texts of their own; of movies that critics like more or less."""
    draw = np.random.default_rng(0)
    movie = draw.integers(0, movies or 1, count)
    liked = draw.random(movies or 1)[movie] if movies else np.full(count, 0.5)
    table = told_apart(["fresh" if likes else "rotten" for likes in draw.random(count) < liked])
    return table.append_column("movie", [[f"m{m}" for m in movie.tolist()]])


def ids_of_splits(rows: pa.Table, split: Split) -> dict[str, set[str]]:
    splits = split_rows({"train": rows}, CLASSIFY, split).splits
    return {name: set(table["id"].to_pylist()) for name, table in splits.items()}


def moved(before: pa.Table, after: pa.Table, split: Split) -> int:
    """How many rows of train or validation before are in test, or of test in train, after."""
    first, then = (ids_of_splits(rows, split) for rows in (before, after))
    learned, judged = first["train"] | first["validation"], then["train"] | then["validation"]
    return len(learned & then["test"]) + len(first["test"] & judged)


@pytest.mark.parametrize("group", [None, "movie"])
def test_a_row_stays_on_its_side_whatever_becomes_of_the_others(group: str | None) -> None:
    """Drawn by position, a row put first moved 205 rows of 2,000 into test, and a file that grew 247."""
    whole, split = own_rows(3000, 150 if group else None), Split(group=group)
    base = whole.slice(0, 1000)
    assert moved(base, base.take(np.random.default_rng(1).permutation(1000)), split) == 0
    few = 20 if group else 2  # a movie near the cut-off is exchanged as a whole
    assert moved(base, pa.concat_tables([whole.slice(1000, 1), base]), split) <= few
    assert moved(base, pa.concat_tables([base.slice(0, 500), base.slice(501)]), split) <= few
    assert moved(base, whole, split) <= (60 if group else 20)


def test_another_training_seed_moves_no_row_and_another_cut_seed_does() -> None:
    base = own_rows(500)
    first, other = (
        split_rows({"train": base}, CLASSIFY, Split(seed=seed)).splits["test"]["id"].to_pylist() for seed in (0, 1)
    )
    assert len(set(first) & set(other)) < 50


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_cut_with_their_labels_in_proportion(seed: int) -> None:
    """By the stratum of a group's first row they were off by 0.03, at worst by 0.07."""
    table = own_rows(4000, 160)
    whole = table["label"].to_pylist().count("fresh") / 4000
    done = split_rows({"train": table}, CLASSIFY, Split(group="movie", seed=seed)).splits
    for name, share in (("test", 0.2), ("validation", 0.08)):
        labels = done[name]["label"].to_pylist()
        assert labels.count("fresh") / len(labels) == pytest.approx(whole, abs=0.005)
        assert len(labels) / 4000 == pytest.approx(share, abs=0.005)


def test_validation_stays_as_train_rows_come_in() -> None:
    """Drawn anew with each dataset, 14 to 30 % of it was train before, which a model that goes on has learned from."""
    whole = own_rows(3000)
    before = split_rows({"train": whole.slice(0, 1000)}, CLASSIFY, Split()).splits
    lake = {"train": whole.slice(1000).append_column("dataset", [["new"] * 2000])}
    after = split_rows({"train": whole.slice(0, 1000)}, CLASSIFY, Split(), lake).splits
    assert after["test"]["id"].to_pylist() == before["test"]["id"].to_pylist()
    learned = set(before["train"]["id"].to_pylist()) & set(after["validation"]["id"].to_pylist())
    assert len(learned) <= 10
    assert len(after["validation"]) > 250


def test_large_units_are_as_often_in_test_as_small_ones() -> None:
    """The lowest hash of many members is low: as a position it would send repeated texts to test."""
    numbers = np.repeat(np.arange(2000), [1, 9] * 1000)
    found = positions([f"text {row}" for row in range(len(numbers))], numbers, "test")
    assert (found[1::2] < 0.2).mean() == pytest.approx(0.2, abs=0.04)
