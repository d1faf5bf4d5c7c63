"""The solver finds what scikit-learn's finds, for two labels, many, and several a row."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from volant.models.logistic import NEVER, fit_logistic


def rows(labels: int, rare: float = 0.2) -> tuple[csr_array, np.ndarray]:
    """600 sparse rows of length 1, and a label that some of their 80 features speak for."""
    draw = np.random.default_rng(labels)
    dense = draw.random((600, 80)) * (draw.random((600, 80)) < 0.1)
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    logits = 6 * dense @ draw.normal(size=(80, labels)) + draw.normal(size=(600, labels))
    logits[:, 0] -= rare
    return csr_array(dense.astype(np.float32)), logits.argmax(axis=1)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("labels", [2, 5])
def test_probabilities_are_those_of_scikit_learn(labels: int, balanced: bool) -> None:
    features, targets = rows(labels, rare=3.0)
    weights = "balanced" if balanced else None
    peer = LogisticRegression(C=4.0, class_weight=weights, tol=1e-8, max_iter=5000).fit(features, targets)
    coefficients, intercepts = fit_logistic(features, targets, labels, 4.0, balanced, 1000)
    found = softmax(features @ coefficients.T + intercepts, axis=1)
    np.testing.assert_allclose(found, peer.predict_proba(features), atol=0.01)


def test_each_of_several_labels_is_a_problem_of_its_own() -> None:
    features, targets = rows(4, rare=3.0)
    held = np.eye(4, dtype=np.float32)[targets]
    coefficients, intercepts = fit_logistic(features, held, 4, 2.0, True, 1000)
    for label in range(4):
        peer = LogisticRegression(C=2.0, class_weight="balanced", tol=1e-8, max_iter=5000).fit(features, held[:, label])
        found = expit(features @ coefficients[label] + intercepts[label])
        np.testing.assert_allclose(found, peer.predict_proba(features)[:, 1], atol=0.01)


def test_a_label_without_rows_is_never_the_answer() -> None:
    features, targets = rows(3)
    coefficients, intercepts = fit_logistic(features, targets * 2, 6, 1.0, False, 1000)
    assert intercepts[[1, 3, 5]].tolist() == [NEVER] * 3
    assert not coefficients[[1, 3, 5]].any()
    two = fit_logistic(features, np.minimum(targets, 1) * 2, 3, 1.0, False, 1000)
    assert two[1][1] == NEVER


def test_rows_of_one_label_need_no_features() -> None:
    features, _ = rows(2)
    coefficients, intercepts = fit_logistic(features, np.ones(600, dtype=int), 3, 1.0, True, 10)
    assert intercepts.argmax() == 1
    assert not coefficients.any()


def test_dense_features_give_the_same_weights() -> None:
    features, targets = rows(3)
    sparse, dense = (fit_logistic(x, targets, 3, 1.0, True, 100)[0] for x in (features, features.toarray()))
    np.testing.assert_allclose(sparse, dense, atol=1e-3)


def test_fewer_steps_are_less_exact_and_still_better_than_none() -> None:
    features, targets = rows(3)

    def loss(steps: int) -> float:
        coefficients, intercepts = fit_logistic(features, targets, 3, 10.0, False, steps)
        likely = softmax(features @ coefficients.T + intercepts, axis=1)
        return float(-np.log(likely[np.arange(600), targets]).mean())

    assert np.log(3) > loss(1) > loss(100)


def test_the_same_rows_give_the_same_bytes() -> None:
    features, targets = rows(5)
    first, second = (fit_logistic(features.copy(), targets, 5, 1.0, True, 100) for _ in range(2))
    assert first[0].tobytes() + first[1].tobytes() == second[0].tobytes() + second[1].tobytes()
