"""The gate on kinds of parts: a span counts by its place, and each metric of a kind can be a condition."""

import numpy as np
import pyarrow as pa
import pytest

from support.kinds import PARTS, mentions
from volant import config
from volant.config import Flywheel, Gate
from volant.config.flywheels import check
from volant.errors import VolantError
from volant.flywheel.gate import Answers, compare, judge
from volant.kinds import KINDS
from volant.kinds.record import Annotation, Span

KIND = KINDS["entities"]
LABELS = ("city", "person")


def answers(test: pa.Table, right: float, labels: tuple[str, ...] = LABELS) -> Answers:
    """Right with that probability, else one character too far: the same labels, and no span is right."""
    draw = np.random.default_rng(3)
    predicted = []
    for gold in KIND.gold(test):
        by = 0 if draw.random() < right else 1
        spans = tuple(Span(s.start + by, s.end + by, s.label) for s in gold.spans if s.label in labels)
        predicted.append(Annotation(spans=spans, scores=dict.fromkeys(labels, 0.5)))
    return Answers(labels, predicted)


def test_a_span_elsewhere_is_no_hit_though_the_row_has_its_label() -> None:
    test = mentions(400)
    found = compare(KIND, "micro_f1", test, answers(test, 0.9), answers(test, 0.5), [], Gate(), seed=1, samples=200)
    assert found.new == pytest.approx(0.9, abs=0.05)
    assert found.old == pytest.approx(0.5, abs=0.08)
    assert found.verdict == "better"


def test_on_shared_labels_spans_still_count_by_their_place() -> None:
    """Of two versions, the old one knows cities only: both are scored on them, in rows without people."""
    test = mentions(400)
    old = answers(test, 0.5, ("city",))
    found = compare(KIND, "micro_f1", test, answers(test, 1.0), old, [], Gate(), seed=1, samples=200)
    assert found.left_out > 0
    assert (found.new, [row["label"] for row in found.labels]) == (1.0, ["city"])
    assert found.old < 0.75


def test_several_conditions_by_the_names_of_the_kinds_metrics() -> None:
    bounds = {"micro_f1": 0.9, "macro_recall": 0.94}
    details = {"scores": {"micro_f1": 0.95, "macro_recall": 0.93}}
    reasons = judge(Gate(min=bounds), details, {}, None).reasons
    assert [reason for reason in reasons if "required: at least" in reason] == [
        "macro_recall is 0.930, required: at least 0.94"
    ]


@pytest.mark.parametrize("name", [*KINDS])
def test_config_takes_every_metric_of_a_kind_and_no_other(name: str) -> None:
    kind = KINDS[name]
    model = "recurrent" if name in PARTS else "linear"
    tree = {
        "kind": name,
        "description": "made up",
        "source": {"_target_": "volant.sources.files.Files", "train": "a.jsonl"},
        "cleaning": [],
        "model": {"_target_": f"volant.models.{model}.{model.title()}", "family": model},
        "metric": kind.metrics[0],
        "seed": 1,
        "split": {},
        "evaluation": {},
        "labels": None,
    }
    bounds = dict.fromkeys(kind.metrics, 0.5)
    gate = check({"seed": 1, "flywheels": {"mine": {**tree, "gate": {"min": bounds}}}}).flywheels["mine"].gate
    assert gate.min == bounds
    with pytest.raises(VolantError, match=rf"gate.min.slot_f2.*{kind.metrics[0]}"):
        check({"seed": 1, "flywheels": {"mine": {**tree, "gate": {"min": {"slot_f2": 0.5}}}}})
    assert config.validate(Flywheel, {**tree, "gate": {"min": bounds}}, "flywheel").gate.min == bounds
