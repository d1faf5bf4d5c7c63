"""What would help: the curve, the weak spots, the labels that look wrong."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from support.advised import flywheel
from support.texts import reviews, topics
from volant.errors import VolantError
from volant.flywheel.advice import Advice, learn
from volant.flywheel.advice.folds import folds
from volant.flywheel.advice.mislabelled import confident, out_of_fold, suspects
from volant.flywheel.advice.rows import fair_order, refit, strata
from volant.flywheel.advice.weak import weak_labels
from volant.kinds import KINDS
from volant.models import Examples, Task
from volant.models.linear import Linear
from volant.workspace.files import write_table


def curve_of(advice: Advice) -> dict[str, Any]:
    assert advice.curve
    return advice.curve


def examples(table: pa.Table, kind_name: str, labels: tuple[str, ...]) -> Examples:
    kind = KINDS[kind_name]
    gold = kind.gold(table)
    return Examples(table["text"].to_pylist(), gold, kind.targets(gold, labels))


def test_it_writes_a_page_a_picture_and_json(root: Path) -> None:
    advice = learn("reviews", flywheel("classify"), root)
    page = (root / "reports/reviews/next.md").read_text()
    assert (root / "reports/reviews/next.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((root / "reports/reviews/next.json").read_text())["made_of"] == advice.made_of
    assert [point["rows"] for point in curve_of(advice)["points"]] == [100, 200, 400]
    assert (advice.labels[0]["label"], advice.labels[0]["f1"], advice.labels[0]["test_rows"]) == ("rotten", 0.7, 60)
    assert sum(row["train_rows"] for row in advice.labels) == 400
    assert [row["value"] for row in advice.slices] == ["m1"]
    assert "volant suggest reviews" in page
    assert "rotten" in page


def test_the_same_again_computes_nothing_and_a_new_evaluation_does(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "p")
    project = tmp_path / "p"
    first = learn("reviews", flywheel("classify"), project)
    page = project / "reports/reviews/next.md"
    page.write_text("untouched")
    assert learn("reviews", flywheel("classify"), project) == first
    assert page.read_text() == "untouched"
    details = project / "reports/reviews/details.json"
    details.write_text(details.read_text().replace("0.7", "0.2"))
    found = project / "reports/reviews/next.json"
    found.write_text(found.read_text().replace('"suspected": ', '"suspected": 7'))
    again = learn("reviews", flywheel("classify"), project)
    assert again.labels[0]["f1"] == 0.2
    assert "0.2" in page.read_text()
    assert str(again.suspected).startswith("7")  # not computed again: the test rows have no say in it
    assert again.curve == first.curve
    found.write_text("{broken")
    assert learn("reviews", flywheel("classify"), project) == replace(again, suspected=first.suspected)


def test_several_labels_a_row(root: Path) -> None:
    advice = learn("topics", flywheel("multilabel"), root)
    assert curve_of(advice)["points"][-1]["value"] > 0.9
    assert advice.labels == []  # nothing is evaluated yet
    assert "Nothing is evaluated yet" in (root / "reports/topics/next.md").read_text()


def test_too_few_rows_and_missing_rows_are_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        learn("other", flywheel("classify"), tmp_path)
    for split in ("train", "validation"):
        write_table(reviews(12), tmp_path / f"data/few/clean/{split}.parquet")
    with pytest.raises(VolantError, match="12 train rows"):
        learn("few", flywheel("classify"), tmp_path)


def test_a_hard_task_rises_and_a_learned_one_is_flat(tmp_path: Path) -> None:
    rng = random.Random(3)
    words = [f"w{k}" for k in range(1500)]
    meaning = {word: rng.random() < 0.5 for word in words}

    def rows(count: int) -> pa.Table:
        made = []
        for k in range(count):
            said = rng.sample(words, 9)
            label = "yes" if sum(meaning[word] for word in said) > 4 else "no"
            made.append({"id": str(k), "text": " ".join(said), "label": label})
        return pa.Table.from_pylist(made)

    for name, make in (("hard", rows), ("easy", lambda count: reviews(count, count))):
        for split, count in (("train", 1000), ("validation", 800)):
            write_table(make(count), tmp_path / f"data/{name}/clean/{split}.parquet")
    hard, easy = (learn(name, flywheel("classify"), tmp_path) for name in ("hard", "easy"))
    assert (curve_of(hard)["outlook"], curve_of(easy)["outlook"]) == ("rising", "flat")
    assert curve_of(hard)["expected"] > 0 == curve_of(easy)["expected"]
    assert "More rows like these would help" in (tmp_path / "reports/hard/next.md").read_text()


def test_flipped_labels_are_found() -> None:
    table = reviews(500, seed=8)
    draw = np.random.default_rng(1)
    flipped = set(draw.choice(500, 25, replace=False).tolist())
    other = {"fresh": "rotten", "rotten": "fresh"}
    given = [other[label] if k in flipped else label for k, label in enumerate(table["label"].to_pylist())]
    table = table.set_column(2, "label", pa.array(given))
    task = Task(KINDS["classify"], ("fresh", "rotten"), "macro_f1", 5)
    train = examples(table, "classify", task.labels)
    said = out_of_fold(Linear(), train, task, np.arange(500), strata(task.kind, train.gold))
    assert said is not None
    found = suspects(said, train, task)
    assert len(flipped & {s.row for s in found[:25]}) >= 18
    assert all(s.given == given[s.row] and s.likely == other[s.given] for s in found)


def test_a_missing_and_a_wrong_label_of_several_are_found() -> None:
    table = topics(600, seed=2)
    gold = [list(labels) for labels in table["labels"].to_pylist()]
    without = [k for k, labels in enumerate(gold) if "cast" in labels][:8]
    wrongly = [k for k, labels in enumerate(gold) if "cast" not in labels][:8]
    for k in without:
        gold[k].remove("cast")
    for k in wrongly:
        gold[k].append("cast")
    labels = ("cast", "ending", "film", "story")
    task = Task(KINDS["multilabel"], labels, "macro_f1", 5)
    train = examples(table.set_column(2, "labels", pa.array(gold)), "multilabel", labels)
    said = out_of_fold(Linear(), train, task, np.arange(600), strata(task.kind, train.gold))
    assert said is not None
    found = {(s.row, s.given, s.likely) for s in suspects(said, train, task)}
    missing, wrong = {(k, "not cast", "cast") for k in without}, {(k, "cast", "not cast") for k in wrongly}
    assert len(found & missing) >= 3
    assert len(found & wrong) >= 5
    assert len(found - missing - wrong) <= 3


def test_nobody_is_accused_without_a_reason() -> None:
    sure = np.tile([0.6, 0.4], (10, 1))
    likely, margin = confident(sure, np.array([0] * 9 + [1]))
    assert likely.tolist()[:9] == [0] * 9
    assert margin[:9].tolist() == [0.0] * 9


def test_folds_part_no_group_and_beginnings_are_fair() -> None:
    groups = np.array([0] * 90 + [1] * 10)
    units = np.arange(100) // 5
    parts = folds(units, groups, 4, seed=0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(100))
    assert all(len(set(units[a]) & set(units[b])) == 0 for k, a in enumerate(parts) for b in parts[:k])
    assert folds(np.zeros(9, dtype=int), np.zeros(9, dtype=int), 4, seed=0) == []
    order = fair_order(groups, 0)
    assert sorted(order.tolist()) == list(range(100))
    assert 2 <= groups[order[:25]].sum() <= 4


def test_a_label_without_rows_is_never_said() -> None:
    labels = ("fresh", "other", "rotten")
    task = Task(KINDS["classify"], labels, "accuracy", 0)
    train = examples(reviews(120), "classify", labels)
    logits = refit(Linear(), train, ["the film was lovely", "the film was dull"], task)
    assert [labels[k] for k in logits.argmax(axis=1)] == ["fresh", "rotten"]
    fresh = pa.array([label == "fresh" for label in reviews(60)["label"].to_pylist()])
    one = examples(reviews(60).filter(fresh), "classify", labels)
    assert refit(Linear(), one, ["anything"], task).argmax() == 0


def test_a_label_that_no_test_row_judged_is_not_among_the_weak() -> None:
    rows = [{"label": "a", "f1": 0.9, "support": 9}, {"label": "rare", "f1": None, "support": 0}]
    assert [row["label"] for row in weak_labels({"labels": rows}, {})] == ["a"]
