import numpy as np
import pytest
from sklearn import metrics as sk

from support.kinds import WHOLE
from volant.kinds import KINDS
from volant.kinds.rates import by_label, overall, roc_auc, tally
from volant.kinds.record import Annotation


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold, predicted and scores of 200 rows and 5 labels, with ties among the scores."""
    draw = np.random.default_rng(3)
    gold = draw.random((200, 5)) < [0.5, 0.3, 0.2, 0.1, 0.05]
    scores = np.round(0.5 * gold + draw.random((200, 5)), 1)
    return gold, scores > 0.8, scores


def test_a_confusion_worked_by_hand() -> None:
    # gold a: 3 right, 1 called b; gold b: 2 right, 2 called a
    gold, said = [0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 0, 0]
    eye = np.eye(2, dtype=bool)
    counts = tally(eye[gold], eye[said])
    labels = by_label(counts)
    assert labels["precision"][0] == pytest.approx([3 / 5, 2 / 3])
    assert labels["recall"][0] == pytest.approx([3 / 4, 2 / 4])
    assert labels["f1"][0] == pytest.approx([6 / 9, 4 / 7])
    assert overall(counts)["accuracy"].item() == 5 / 8
    assert overall(counts)["macro_f1"].item() == pytest.approx((6 / 9 + 4 / 7) / 2)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_equals_scikit_learn(drawn: tuple[np.ndarray, np.ndarray, np.ndarray], average: str) -> None:
    gold, said, _ = drawn
    ours = overall(tally(gold, said))
    for name in ("f1", "precision", "recall"):
        expected = getattr(sk, f"{name}_score")(gold, said, average=average)
        assert ours[f"{average}_{name}"].item() == pytest.approx(expected), name
    assert ours["accuracy"].item() == pytest.approx(sk.accuracy_score(gold, said))
    assert ours["hamming_loss"].item() == pytest.approx(sk.hamming_loss(gold, said))


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_every_kind_tells_every_average(kind: str, average: str) -> None:
    """As scikit-learn has them, with a label that is never predicted and one in a single row."""
    gold, said = ["a", "a", "a", "b", "b", "c"], ["a", "b", "a", "b", "a", "b"]
    rows, answers = ([Annotation(label=x, labels=(x,)) for x in side] for side in (gold, said))
    scores = KINDS[kind].score(rows, answers, ["a", "b", "c"])
    for name in ("f1", "precision", "recall"):
        expected = getattr(sk, f"{name}_score")(gold, said, average=average, zero_division=0)
        assert scores[f"{average}_{name}"] == pytest.approx(expected), name


def test_auc_with_ties_equals_scikit_learn(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    gold, _, scores = drawn
    expected = [sk.roc_auc_score(gold[:, k], scores[:, k]) for k in range(5)]
    assert roc_auc(gold, scores)[0] == pytest.approx(expected)


def test_weights_mean_drawing_rows_again(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    gold, said, scores = drawn
    picked = np.random.default_rng(0).integers(0, 200, (3, 200))
    weights = np.stack([np.bincount(row, minlength=200) for row in picked])
    for k, row in enumerate(picked):
        plain = overall(tally(gold[row], said[row]))
        assert {n: v[k] for n, v in overall(tally(gold, said), weights).items()} == pytest.approx(
            {n: v.item() for n, v in plain.items()}
        )
    assert roc_auc(gold, scores, weights)[0] == pytest.approx(roc_auc(gold[picked[0]], scores[picked[0]])[0])


def test_a_label_that_nobody_holds_or_predicts_is_left_out_of_macro_and_has_no_auc() -> None:
    gold = np.array([[1, 0, 0], [0, 1, 0]], dtype=bool)
    assert overall(tally(gold, gold))["macro_f1"].item() == 1
    assert np.isnan(roc_auc(gold, gold.astype(float))[0]).tolist() == [False, False, True]


def test_auc_without_rows_is_undefined() -> None:
    assert np.isnan(roc_auc(np.empty((0, 2)), np.empty((0, 2)))).all()
