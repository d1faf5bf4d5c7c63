import numpy as np
import pytest
from sklearn.metrics import average_precision_score

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
