"""Each condition can say no, says why, and is shown."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from gate.test_comparison import LABELS, against, answers, rows
from volant.config import Gate
from volant.gate import Answers, Best, Decision, judge, show
from volant.schema import Annotation

DETAILS = {"scores": {"macro_f1": 0.8, "accuracy": 0.82}, "calibration": {"ece": 0.04}}
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
    assert [c.passed for c in decision.conditions] == [False, True, False, False, False]
    assert all("not measured" in reason for reason in decision.reasons)


def test_no_active_version_passes_and_says_so() -> None:
    (condition,) = judge(Gate(require="better"), DETAILS, SPEED, None).conditions
    assert condition.passed
    assert "no active version" in condition.note
    (condition,) = judge(Gate(), DETAILS, SPEED, None, "version 3 can't be loaded").conditions
    assert condition.note == "not compared: version 3 can't be loaded"


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
def test_against_the_active_version(new: float, old: float, require: Any, passed: bool) -> None:
    test = rows(2400)
    gate = Gate(margin=0.03, require=require)
    decision = judge(gate, DETAILS, SPEED, against(test, answers(test, new, 1), answers(test, old, 2), gate))
    assert verdicts(decision)["against the active version"] == passed == decision.passed


def test_a_fallen_slice_says_no_with_its_name_and_is_shown() -> None:
    test = rows(800)
    good = answers(test, 0.9, 1)
    sites = test["site"].to_pylist()
    bad = [Annotation(label="a") if s == "s2" else a for a, s in zip(good.predicted, sites, strict=True)]
    gate = Gate(margin=0.5, max_label_drop=None)
    comparison = against(test, Answers(LABELS, bad), good, gate)
    decision = judge(gate, DETAILS, SPEED, comparison)
    assert verdicts(decision) == {"against the active version": True, "accuracy by slice": False}
    assert "site s2" in decision.reasons[0]
    text = io.StringIO()
    show(decision, comparison, Console(file=text, width=160))
    assert "The gate says no" in text.getvalue()
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
    assert "225 rows left out" in note
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
    decision = judge(Gate(margin=0.01), {"scores": {metric: score}}, SPEED, None, "", Best(1, metric, best))
    assert verdicts(decision) == {"against the active version": True, "against the best so far": passed}
