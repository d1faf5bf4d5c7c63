import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from volant.errors import VolantError
from volant.evaluation import Report, Task, evaluate
from volant.evaluation.files import write
from volant.kinds import KINDS
from volant.kinds.record import Annotation

CLASSIFY, MULTILABEL = KINDS["classify"], KINDS["multilabel"]


def said(label: str, sure: float) -> Annotation:
    other = {"a": "b", "b": "a"}[label]
    return Annotation(label=label, scores={label: sure, other: 1 - sure})


@pytest.fixture(scope="module")
def small() -> Report:
    """Six rows: of four `a` three are found, of two `b` one."""
    rows = pa.table({"id": list("123456"), "text": list("uvwxyz"), "label": list("aaaabb")})
    answers = [
        said("a", 0.9),
        said("a", 0.8),
        said("a", 0.6),
        said("b", 0.7),
        said("a", 0.95),
        said("b", 0.6),
    ]
    task = Task(CLASSIFY, ("a", "b"), "accuracy", samples=100, worst=10)
    return evaluate(task, [Annotation(label=x) for x in "aaab"], rows, answers)


def test_scores_and_lift_worked_by_hand(small: Report) -> None:
    assert small.scores["accuracy"] == pytest.approx(4 / 6)
    assert small.scores["macro_f1"] == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert small.baselines["majority"]["accuracy"] == pytest.approx(4 / 6)
    chance = 4 / 6 * 3 / 4 + 2 / 6 * 1 / 4
    assert small.baselines["chance"]["accuracy"] == pytest.approx(chance)
    assert small.lift == pytest.approx((4 / 6 - chance) / (1 - chance))


def test_each_label_worked_by_hand(small: Report) -> None:
    a, b = small.labels
    assert (a["precision"], a["recall"], a["support"], a["predicted"]) == (0.75, 0.75, 4, 4)
    assert (b["precision"], b["recall"], b["f1"], b["support"]) == (0.5, 0.5, 0.5, 2)
    # of the 8 pairs (an a, a b) those with P(a) in order: 0.9 > 0.4, 0.8 > 0.4, 0.6 > 0.4
    assert a["roc_auc"] == b["roc_auc"] == pytest.approx(3 / 8)


def test_the_surest_errors_come_first(small: Report) -> None:
    assert [(row["id"], row["gold"], row["predicted"]) for row in small.worst] == [
        ("5", "b", "a"),
        ("4", "a", "b"),
    ]
    assert small.worst[0]["score"] == pytest.approx(0.95)


def test_confusion_has_a_pair_for_every_row(small: Report) -> None:
    assert small.confusion == [("a", "a")] * 3 + [("a", "b"), ("b", "a"), ("b", "b")]


def test_predictions_say_what_was_answered_and_how_sure(small: Report) -> None:
    row = small.predictions.to_pylist()[4]
    assert row == {
        "id": "5",
        "text": "y",
        "gold": "b",
        "predicted": "a",
        "score": pytest.approx(0.95),
        "correct": False,
        "scores": {"a": pytest.approx(0.95), "b": pytest.approx(0.05)},
    }


def test_curves_run_from_corner_to_corner_and_one_of_two_mirrored_rocs_is_kept(small: Report) -> None:
    assert {row["label"] for row in small.roc} == {"b"}
    ends = [(row["fpr"], row["tpr"]) for row in (small.roc[0], small.roc[-1])]
    assert ends == [(0, 0), (1, 1)]
    assert {row["label"] for row in small.pr} == {"a", "b"}


def test_multilabel_mistakes_are_ranked_said_before_missed() -> None:
    rows = pa.table({"id": list("123"), "text": list("xyz"), "labels": [["a"], ["a"], ["b"]]})
    answers = [
        Annotation(labels=(), scores={"a": 0.01, "b": 0.2}),  # misses a
        Annotation(labels=("a", "b"), scores={"a": 0.9, "b": 0.6}),  # says b too many
        Annotation(labels=("b",), scores={"a": 0.3, "b": 0.9}),
    ]
    found = evaluate(Task(MULTILABEL, ("a", "b"), "micro_f1", samples=100), MULTILABEL.gold(rows), rows, answers)
    assert [row["id"] for row in found.worst] == ["2", "1"]
    assert [round(s, 2) for s in found.predictions.column("score").to_pylist()] == [0.9 * 0 + 0.8, 0.9, 0.9]
    assert found.confusion == [("a", "(none)"), ("a", "a"), ("(none)", "b"), ("b", "b")]
    assert found.scores["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))


def test_a_report_of_each_kind_is_whole(report: Report) -> None:
    assert set(report.scores) == set(report.task.kind.metrics) == set(report.intervals)
    for name, (low, high) in report.intervals.items():
        assert low <= report.scores[name] <= high
    assert 0 < report.lift < 1
    assert [cut.column for cut in report.slices] == ["length in words", "film"]
    assert [s.rows for s in report.slices[1].listed] == [30, 30, 30]
    assert report.before.error != report.after.error


def test_calibration_before_is_that_of_the_logits_themselves() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 2, (500, 3))
    task_at = {}
    for temperature in (1.0, 3.0):
        calibration = type(Task(CLASSIFY, (), "").calibration)(temperature)
        answers = CLASSIFY.decode(CLASSIFY.probabilities(logits, calibration), "abc", calibration)
        rows = pa.table({"id": [""] * 500, "text": ["x"] * 500, "label": list("abcab" * 100)})
        task = Task(CLASSIFY, tuple("abc"), "accuracy", calibration, samples=100)
        task_at[temperature] = evaluate(task, CLASSIFY.gold(rows), rows, answers)
    assert task_at[3.0].before.error == pytest.approx(task_at[1.0].after.error, abs=1e-4)
    assert task_at[3.0].after.error < task_at[3.0].before.error - 0.1


def test_a_label_without_test_rows_has_no_figures_and_is_named(tmp_path: Path) -> None:
    rows = pa.table({"id": list("12"), "text": list("xy"), "labels": [["a"], ["b"]]})
    answers = [Annotation(labels=(label,), scores={"a": 0.9, "b": 0.6, "rare": 0.1}) for label in "ab"]
    task = Task(MULTILABEL, ("a", "b", "rare"), "macro_f1", samples=100)
    found = evaluate(task, MULTILABEL.gold(rows), rows, answers)
    assert found.scores["macro_f1"] == 1
    assert found.labels[2] == {
        **{"label": "rare", "precision": None, "recall": None, "f1": None, "roc_auc": None},
        **{"support": 0, "predicted": 0},
    }
    write(found, tmp_path)
    assert "No test row has rare: no metric covers them, and `roc_auc`" in (tmp_path / "report.md").read_text()
    labels = json.loads((tmp_path / "details.json").read_text())["labels"]
    assert {row["label"]: row["f1"] for row in labels} == {"a": 1.0, "b": 1.0, "rare": None}


def test_groups_widen_the_intervals_and_the_report_says_so(tmp_path: Path) -> None:
    rows = pa.table({"id": [str(k) for k in range(60)], "text": ["x"] * 60, "label": ["a"] * 30 + ["b"] * 30})
    rows = rows.append_column("film", pa.array([f"film {k // 6}" for k in range(60)]))
    answers = [said("b" if k < 12 or k > 29 else "a", 0.8) for k in range(60)]
    widths = {}
    for group in (None, "film"):
        task = Task(CLASSIFY, ("a", "b"), "accuracy", samples=500, group=group)
        found = evaluate(task, CLASSIFY.gold(rows), rows, answers)
        widths[group] = found.intervals["accuracy"][1] - found.intervals["accuracy"][0]
    assert widths["film"] > 1.5 * widths[None]
    write(found, tmp_path)
    assert "500 samples of the 10 groups of `film`" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("metric", "rows", "message"),
    [
        ("acuracy", "ab", r"metric 'acuracy'.*Did you mean 'accuracy'"),
        ("accuracy", "", "no test rows"),
        ("accuracy", "ac", "label 'c'"),
        ("roc_auc", "aa", "'roc_auc' is undefined"),
    ],
)
def test_what_cannot_be_judged_is_refused(metric: str, rows: str, message: str) -> None:
    table = pa.table({"id": list(rows), "text": list(rows), "label": pa.array(list(rows), pa.string())})
    with pytest.raises(VolantError, match=message):
        evaluate(Task(CLASSIFY, ("a", "b"), metric), [], table, [said("a", 0.9)] * len(rows))
