"""Better, not worse, worse: on made-up answers whose quality is known."""

import time

import numpy as np
import pyarrow as pa
import pytest

from support.comparisons import LABELS, against, answers, rows
from volant.config import Gate
from volant.errors import VolantError
from volant.flywheel.gate import Answers
from volant.kinds.record import Annotation


@pytest.mark.parametrize(
    ("new", "old", "verdict"), [(0.9, 0.7, "better"), (0.7, 0.9, "worse"), (0.8, 0.8, "not_worse")]
)
def test_verdicts(new: float, old: float, verdict: str) -> None:
    test = rows(2400)
    found = against(test, answers(test, new, 1), answers(test, old, 2), Gate(margin=0.03))
    assert found.verdict == verdict
    assert found.rows == 2400
    assert found.left_out == 0
    assert found.interval[0] <= found.difference <= found.interval[1]
    assert found.difference == pytest.approx(found.new - found.old)
    significant = found.mcnemar is not None and found.mcnemar < 0.001
    assert significant == (verdict != "not_worse")


def test_the_same_answers_are_not_worse_for_sure() -> None:
    test = rows(300)
    found = against(test, answers(test, 0.8, 1), answers(test, 0.8, 1))
    assert (found.verdict, found.interval, found.p_value, found.mcnemar) == ("unclear", (0.0, 0.0), 1.0, 1.0)
    assert -0.02 < found.low < -0.01  # of 300 rows none differs: a loss of 0.016 can't be excluded
    larger = rows(1000)
    assert against(larger, answers(larger, 0.8, 1), answers(larger, 0.8, 1)).verdict == "not_worse"
    assert not [row for row in found.labels + found.slices if row["fell"]]


def test_pairing_sees_what_separate_intervals_hide() -> None:
    test = rows(1500)
    old = answers(test, 0.8, 1)
    gold = test["label"].to_pylist()
    wrong = [k for k, said in enumerate(old.predicted) if said.label != gold[k]]
    mended = list(old.predicted)
    for k in wrong[:20]:
        mended[k] = Annotation(label=gold[k])
    found = against(test, Answers(LABELS, mended), old)
    assert found.new_interval[0] < found.old_interval[1]
    assert found.verdict == "better"


def test_few_rows_do_not_exclude_a_loss() -> None:
    test = rows(120)
    found = against(test, answers(test, 0.8, 1), answers(test, 0.8, 2), Gate(margin=0.1))
    assert found.verdict == "unclear"


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_each_comparison_needs_more_than_the_one_before(metric: str) -> None:
    test = rows(2400)
    new, old = answers(test, 0.8, 1), answers(test, 0.8, 2)
    found = [against(test, new, old, Gate(margin=0.03), metric=metric, look=look) for look in (1, 2, 10, 100)]
    lows = [one.low for one in found]
    assert lows == sorted(lows, reverse=True)
    assert found[0].verdict == "not_worse"
    assert {one.difference for one in found} == {found[0].difference}


def test_a_loss_of_just_the_margin_is_none() -> None:
    test = rows(100)
    gold = [Annotation(label=label) for label in test["label"].to_pylist()]
    wrong = [Annotation(label="b"), *gold[1:]]  # row 0 is an `a`
    assert against(test, Answers(LABELS, wrong), Answers(LABELS, gold), Gate(margin=0.01)).verdict == "unclear"
    assert against(test, Answers(LABELS, wrong), Answers(LABELS, gold), Gate(margin=0.009)).verdict == "worse"


def test_how_often_a_verdict_errs() -> None:
    """Two equal bundles: `better` in about 2.5 % of the cases, as an interval of 95 % promises; nothing fell."""
    test = rows(400)
    found = [against(test, answers(test, 0.8, k), answers(test, 0.8, 1000 + k), samples=100) for k in range(40)]
    assert sum(f.verdict == "better" for f in found) <= 4
    assert sum(any(row["fell"] for row in f.labels + f.slices) for f in found) <= 6


def test_a_label_that_falls_is_named_though_the_whole_is_better() -> None:
    test = rows(1200)
    old = answers(test, 0.7, 1)
    gold = test["label"].to_pylist()
    # two fifths of the `c` are found, and everything else
    said = [Annotation(label=g if g != "c" or k % 5 < 2 else "ab"[k % 2]) for k, g in enumerate(gold)]
    found = against(test, Answers(LABELS, said), old)
    assert found.verdict == "better"
    assert {row["label"]: row["fell"] for row in found.labels} == {"a": False, "b": False, "c": True}


def test_a_slice_that_falls_is_named_and_a_small_one_is_not() -> None:
    test = rows(800)
    good = answers(test, 0.9, 1)
    sites = test["site"].to_pylist()
    bad = [Annotation(label="a") if site == "s2" else a for a, site in zip(good.predicted, sites, strict=True)]
    found = against(test, Answers(LABELS, bad), good)
    assert [row["value"] for row in found.slices if row["fell"] and row["slice"] == "site"] == ["s2"]
    assert "length in words" in {row["slice"] for row in found.slices}
    gate = Gate(min_support=300)
    assert not [row for row in against(test, Answers(LABELS, bad), good, gate).slices if row["fell"]]


def test_a_wider_label_set_is_compared_on_the_rows_both_can_answer() -> None:
    test = rows(900, ("a", "b", "c", "d"))
    new, old = answers(test, 0.9, 1, ("a", "b", "c", "d")), answers(test, 0.9, 2, LABELS)
    found = against(test, new, old, metric="macro_f1", gate=Gate(margin=0.05))
    assert (found.rows, found.left_out) == (675, 225)
    assert [row["label"] for row in found.labels] == ["a", "b", "c"]
    (extra,) = found.unshared
    assert (extra["label"], extra["known_by"], extra["support"]) == ("d", "new", 225)
    assert extra["f1"] > 0.8
    # now and then the new one says `d` of another row: a miss, but no fourth label of F1 0 in the average
    assert found.new == pytest.approx(0.93, abs=0.04)
    assert found.verdict in ("not_worse", "unclear")


def test_a_label_that_nobody_knows_is_left_out_and_said() -> None:
    test = rows(400, ("a", "b", "c", "x"))
    found = against(test, answers(test, 0.9, 1), answers(test, 0.9, 2))
    assert found.left_out == 100
    assert found.unshared == [{"label": "x", "known_by": "neither", "support": 100, "f1": None}]


def test_nothing_to_compare_is_an_error_that_says_so() -> None:
    test = rows(20)
    with pytest.raises(VolantError, match="labels shared by both versions"):
        against(test, answers(test, 0.9, 1), Answers(("x",), [Annotation(label="x")] * 20))
    with pytest.raises(VolantError, match="undefined on the 20 rows"):
        against(test, answers(test, 0.9, 1), answers(test, 0.9, 2), metric="roc_auc")
    with pytest.raises(VolantError, match="20 rows, 20 new answers, 3 of the champion"):
        against(test, answers(test, 0.9, 1), Answers(LABELS, [Annotation(label="a")] * 3))


def topics(count: int) -> pa.Table:
    labels = [[label for j, label in enumerate(LABELS) if k % (j + 2) == 0] for k in range(count)]
    return pa.table({"id": [str(k) for k in range(count)], "text": ["some text"] * count, "labels": labels})


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1", "hamming_loss"])
def test_several_labels_and_losses(metric: str) -> None:
    test = topics(600)
    gold = test["labels"].to_pylist()
    right = Answers(LABELS, [Annotation(labels=tuple(g)) for g in gold])
    wrong = Answers(LABELS, [Annotation(labels=tuple(g) if k % 3 else ("a",)) for k, g in enumerate(gold)])
    better = against(test, right, wrong, metric=metric, kind="multilabel", slices=[])
    worse = against(test, wrong, right, metric=metric, kind="multilabel", slices=[])
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.difference == pytest.approx(-worse.difference)
    assert better.difference > 0
    assert better.mcnemar is None


def test_probabilities_are_compared_by_rank() -> None:
    test = rows(600)
    gold = test["label"].to_pylist()
    draw = np.random.default_rng(0)

    def scored(noise: float) -> Answers:
        said = []
        for label in gold:
            points = {name: (name == label) + noise * draw.random() for name in LABELS}
            said.append(Annotation(label=max(points, key=lambda name: points[name]), scores=points))
        return Answers(LABELS, said)

    found = against(test, scored(1.2), scored(3.0), metric="roc_auc")
    assert found.verdict == "better"


def test_it_is_seeded_and_quick() -> None:
    test = rows(10_000)
    new, old = answers(test, 0.9, 1), answers(test, 0.89, 2)
    start = time.perf_counter()
    first = against(test, new, old, samples=1000)
    assert time.perf_counter() - start < 15
    assert first == against(test, new, old, samples=1000)


@pytest.mark.parametrize("groups", [1, 4, 12])
def test_too_few_groups_prove_nothing_that_rows_do_not(groups: int) -> None:
    """Of one group every draw is the same: a difference of one row must not be sure for that."""
    test = rows(300).append_column("author", pa.array([f"a{k % groups}" for k in range(300)]))
    right = answers(test, 1.0, 1)
    wrong = Annotation(label="c" if test["label"][7].as_py() != "c" else "a")
    one_wrong = Answers(LABELS, [*right.predicted[:7], wrong, *right.predicted[8:]])
    found = against(test, right, one_wrong, group="author")
    assert found.verdict in ("not_worse", "unclear")
    assert found.interval[0] <= 0
    assert found.mcnemar is None


def test_a_slice_that_is_a_group_falls_no_more_easily() -> None:
    test = rows(1200).append_column("film", pa.array([f"f{k // 60}" for k in range(1200)]))
    new, old = answers(test, 0.8, 1), answers(test, 0.8, 2)
    found = against(test, new, old, Gate(max_slice_drop=0.05), slices=["film"], group="film")
    assert min(part["difference"] for part in found.slices) < -0.05
    assert not any(part["fell"] for part in found.slices)
