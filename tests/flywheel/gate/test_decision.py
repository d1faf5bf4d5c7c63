"""Each condition can say no, says why, and is shown."""

import io
import json
from typing import Any

import pytest

from support.comparisons import LABELS, against, answers, rows
from volant.config import Gate
from volant.flywheel.gate import Answers, Champions, Decision, Past, judge, show
from volant.kinds.record import Annotation
from volant.workspace.terminal import Console

DETAILS = {
    "metric": "accuracy",
    "scores": {"macro_f1": 0.8, "accuracy": 0.82},
    "intervals": {"accuracy": [0.78, 0.86]},
    "baselines": {"majority": {"accuracy": 0.6}, "chance": {"accuracy": 0.5}},
    "calibration": {"ece": 0.04},
}
SPEED = {"size_bytes": 12_000_000, "latency_p50_ms": 3.5}


def verdicts(decision: Decision) -> dict[str, bool]:
    return {condition.name: condition.passed for condition in decision.conditions}


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        ({"min": {"macro_f1": 0.8}}, True),
        ({"min": {"macro_f1": 0.801}}, False),
        ({"min": {"macro_f1": 0.5, "roc_auc": 0.1}}, False),
        ({"max_size_mb": 12.0}, True),
        ({"max_size_mb": 11.9}, False),
        ({"max_latency_ms": 3.0}, False),
        ({"max_latency_ms": 4.0}, True),
        ({"max_ece": 0.04}, True),
        ({"max_ece": 0.01}, False),
    ],
)
def test_absolute_conditions(asked: dict[str, Any], passed: bool) -> None:
    decision = judge(Gate(**asked), DETAILS, SPEED, None)
    assert decision.passed == passed == (not decision.reasons)


def test_what_was_not_measured_is_not_met() -> None:
    decision = judge(Gate(max_size_mb=5, max_latency_ms=5, max_ece=0.1, min={"accuracy": 0.1}), {}, {}, None)
    assert [c.passed for c in decision.conditions] == [False, False, False, False, False]
    assert all("not measured" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("metric", "ends", "majority", "passed"),
    [
        *(("accuracy", [0.51, 0.6], 0.5, True), ("accuracy", [0.46, 0.9], 0.5, False)),
        *(("accuracy", [0.7, 0.9], 0.8, False), ("hamming_loss", [0.1, 0.2], 0.3, True)),
        ("hamming_loss", [0.1, 0.4], 0.3, False),
    ],
)
def test_a_first_version_must_beat_the_baselines(metric: str, ends: list[float], majority: float, passed: bool) -> None:
    told = {"metric": metric, "scores": {metric: sum(ends) / 2}, "intervals": {metric: ends}}
    details = {**told, "baselines": {"majority": {metric: majority}, "chance": {metric: majority}}}
    decision = judge(Gate(), details, SPEED, None)
    assert verdicts(decision) == {"against the baselines": passed}
    assert decision.outcome == ("passed" if passed else "failed")


def test_a_champion_that_cannot_answer_is_compared_by_its_recorded_score_or_by_a_person() -> None:
    trouble = Champions(exists=True, trouble="version 3 can't predict: broken")
    decision = judge(Gate(), DETAILS, SPEED, None, trouble)
    assert (decision.passed, decision.outcome) == (False, "waits")
    assert "version 3 can't predict: broken" in decision.reasons[0]
    for score, outcome in ((0.825, "passed"), (0.9, "failed")):
        recorded = Past.recorded(3, "accuracy", score, 0.82)
        told = Champions(exists=True, trouble="broken", recorded=recorded)
        assert judge(Gate(), DETAILS, SPEED, None, told).outcome == outcome
        assert judge(Gate(require="better"), DETAILS, SPEED, None, told).outcome == "waits"
    failed = judge(Gate(min={"accuracy": 0.99}), DETAILS, SPEED, None, trouble)
    assert failed.outcome == "failed"


@pytest.mark.parametrize(
    ("new", "old", "require", "passed"),
    [
        (0.9, 0.7, "better", True),
        (0.9, 0.7, "not_worse", True),
        (0.8, 0.8, "not_worse", True),
        (0.8, 0.8, "better", False),
        (0.7, 0.9, "not_worse", False),
    ],
)
def test_against_the_champion(new: float, old: float, require: Any, passed: bool) -> None:
    test = rows(2400)
    gate = Gate(margin=0.03, require=require)
    decision = judge(gate, DETAILS, SPEED, against(test, answers(test, new, 1), answers(test, old, 2), gate))
    assert verdicts(decision)["against the champion"] == passed == decision.passed


def test_a_fallen_slice_says_no_with_its_name_and_is_shown() -> None:
    test = rows(800)
    good = answers(test, 0.9, 1)
    sites = test["site"].to_pylist()
    bad = [Annotation(label="a") if s == "s2" else a for a, s in zip(good.predicted, sites, strict=True)]
    gate = Gate(margin=0.5, max_label_drop=None)
    comparison = against(test, Answers(LABELS, bad), good, gate)
    decision = judge(gate, DETAILS, SPEED, comparison)
    assert verdicts(decision) == {"against the champion": True, "accuracy by slice": False}
    assert "site s2" in decision.reasons[0]
    text = io.StringIO()
    show(decision, comparison, Console(file=text, width=160))
    assert "Gate: failed" in text.getvalue()
    assert "site: s2" in text.getvalue()


def test_names_with_markup_are_shown_as_they_are() -> None:
    labels = ("[red]", "b")
    test = rows(200, labels)
    comparison = against(test, answers(test, 0.9, 1, labels), answers(test, 0.9, 2, labels))
    text = io.StringIO()
    show(judge(Gate(), DETAILS, SPEED, comparison), comparison, Console(file=text, width=160))
    assert "label [red]" in text.getvalue()


def test_rows_left_out_are_in_the_note_and_all_of_it_is_json() -> None:
    test = rows(900, ("a", "b", "c", "d"))
    new, old = answers(test, 0.9, 1, ("a", "b", "c", "d")), answers(test, 0.9, 2)
    comparison = against(test, new, old)
    decision = judge(Gate(), DETAILS, SPEED, comparison)
    note = decision.conditions[0].note
    assert "225 rows excluded, with labels not shared" in note
    assert "d (new)" in note
    tree = json.loads(json.dumps({"gate": decision.to_json(), "comparison": comparison.to_json()}, allow_nan=False))
    assert tree["gate"]["passed"] == decision.passed
    assert tree["comparison"]["unshared"][0]["label"] == "d"


@pytest.mark.parametrize(
    ("metric", "score", "best", "passed"),
    [
        *(("macro_f1", 0.79, 0.80, True), ("macro_f1", 0.785, 0.80, False), ("macro_f1", 0.9, 0.8, True)),
        *(("hamming_loss", 0.31, 0.30, True), ("hamming_loss", 0.32, 0.30, False), ("hamming_loss", 0.2, 0.3, True)),
        ("macro_f1", None, 0.80, False),
    ],
)
def test_the_best_so_far_is_not_lost_by_more_than_the_margin(
    metric: str, score: float | None, best: float, passed: bool
) -> None:
    past = Past.recorded(1, metric, best, score)
    decision = judge(Gate(margin=0.01), {"scores": {metric: score}}, SPEED, None, Champions(best=past))
    assert verdicts(decision)["against the best former champion"] == passed


def test_the_best_former_champion_is_not_lost_from_sight_by_a_better_champion_of_today() -> None:
    """Its lower end decides; a version shown to be better than the champion needs no more."""
    test = rows(2400)
    found = against(test, answers(test, 0.8, 1), answers(test, 0.8, 2), Gate(margin=0.03))
    assert found.verdict == "not_worse"
    for low, passed in ((-0.029, True), (-0.031, False)):
        best = Past(1, "accuracy", 0.83, 0.0, low, 2400)
        decision = judge(Gate(margin=0.03), DETAILS, SPEED, found, Champions(exists=True, best=best))
        assert verdicts(decision)["against the best former champion"] == passed
    better = against(test, answers(test, 0.9, 1), answers(test, 0.8, 2))
    best = Past(1, "accuracy", 0.91, -0.01, -0.04, 2400)
    assert judge(Gate(), DETAILS, SPEED, better, Champions(exists=True, best=best)).passed


@pytest.mark.parametrize(("listed", "passed"), [(None, False), (["a", "b", "c", "d"], False), (["a", "b", "c"], True)])
def test_a_lost_label_fails_unless_config_removed_it(listed: list[str] | None, passed: bool) -> None:
    test = rows(900, ("a", "b", "c", "d"))
    new, old = answers(test, 0.95, 1), answers(test, 0.8, 2, ("a", "b", "c", "d"))
    decision = judge(Gate(), DETAILS, SPEED, against(test, new, old), Champions(exists=True, labels=listed))
    assert verdicts(decision)["labels"] == passed == decision.passed
    few = judge(Gate(min_support=300), DETAILS, SPEED, against(test, new, old), Champions(exists=True, labels=listed))
    assert few.passed


def test_power_is_told_where_a_version_does_not_pass() -> None:
    test = rows(359)
    found = against(test, answers(test, 0.8, 1), answers(test, 0.8, 2))
    text = io.StringIO()
    show(judge(Gate(), DETAILS, SPEED, found), found, Console(file=text, width=300))
    assert "Power on these 359 rows, at comparison 1" in text.getvalue()
    assert "equal 3%" in text.getvalue()
    assert "more TEST rows" in text.getvalue()
