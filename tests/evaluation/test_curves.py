import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from volant.evaluation.curves import CURVES, POINTS, POOLED, pr_rows, roc_rows

LABELS = [f"l{k:02}" for k in range(28)]


@pytest.fixture(scope="module")
def ranked() -> tuple[np.ndarray, np.ndarray]:
    """Gold and scores of 28 labels, the later the better told apart."""
    draw = np.random.default_rng(0)
    gold = draw.random((3000, 28)) < 0.2
    return gold, gold * np.linspace(0, 1, 28) + draw.random((3000, 28))


def test_of_many_labels_the_best_and_the_worst_are_drawn_and_all_pooled(
    ranked: tuple[np.ndarray, np.ndarray],
) -> None:
    for rows in (roc_rows(*ranked, LABELS), pr_rows(*ranked, LABELS)):
        names = [row["label"] for row in rows]
        places = sorted(LABELS.index(name) for name in set(names) - {POOLED})
        assert (len(places), names[0]) == (CURVES, POOLED)
        assert max(places[:5]) < 10
        assert min(places[5:]) > 20
        assert max(names.count(name) for name in set(names)) <= POINTS


def test_a_thin_curve_keeps_its_area(ranked: tuple[np.ndarray, np.ndarray]) -> None:
    gold, scores = ranked
    points = [row for row in pr_rows(gold, scores, LABELS) if row["label"] == "l27"]
    area = np.trapezoid([r["precision"] for r in points], [r["recall"] for r in points])
    assert area == pytest.approx(average_precision_score(gold[:, 27], scores[:, 27]), abs=0.01)


def test_a_label_without_rows_has_no_curve() -> None:
    gold, scores = np.array([[1, 0], [1, 0]]), np.array([[0.9, 0.1], [0.8, 0.2]])
    assert roc_rows(gold, scores, ["a", "b"]) == pr_rows(gold, scores, ["a", "b"]) == []


def test_the_points_are_those_of_scikit_learn() -> None:
    """Scores of one digit, so that many tie."""
    draw = np.random.default_rng(1)
    gold = draw.random(60) < 0.4
    scores = np.round(np.clip(draw.normal(0.3 + 0.3 * gold, 0.2), 0, 1), 1)
    both, two = np.stack([~gold, gold], axis=1), np.stack([1 - scores, scores], axis=1)
    fpr, tpr, _ = roc_curve(gold, scores, drop_intermediate=False)
    assert [(row["fpr"], row["tpr"]) for row in roc_rows(both, two, ["a", "b"])] == [
        pytest.approx(point, abs=1e-4) for point in zip(fpr, tpr, strict=True)
    ]
    precision, recall, _ = precision_recall_curve(gold, scores)
    rows = [row for row in pr_rows(both, two, ["a", "b"]) if row["label"] == "b"]
    assert [(row["recall"], row["precision"]) for row in rows] == [
        pytest.approx(point, abs=1e-4) for point in zip(recall[::-1], precision[::-1], strict=True)
    ]
