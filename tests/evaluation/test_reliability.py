import numpy as np
import pytest

from volant.evaluation.reliability import floor, reliability


def test_worked_by_hand() -> None:
    # bins of 0.2: two claims of 0.5 (one true), three of 0.9 (all true)
    found = reliability(np.array([0.5, 0.5, 0.9, 0.9, 0.9]), np.array([1, 0, 1, 1, 1]) > 0, bins=5)
    assert found.confidence == pytest.approx([0.5, 0.9])
    assert found.accuracy.tolist() == [0.5, 1.0]
    assert found.count.tolist() == [2, 3]
    assert found.error == pytest.approx(3 / 5 * 0.1)


def test_a_calibrated_set_has_little_error_and_an_over_confident_one_much() -> None:
    draw = np.random.default_rng(0)
    claimed = draw.uniform(0.5, 1, 50_000)
    assert reliability(claimed, draw.random(50_000) < claimed).error < 0.01
    assert reliability(claimed, draw.random(50_000) < claimed - 0.2).error == pytest.approx(0.2, abs=0.01)


def test_the_ends_of_the_scale_have_a_bin() -> None:
    assert reliability(np.array([0.0, 1.0]), np.array([False, True])).count.tolist() == [1, 1]


def test_a_perfect_model_of_few_rows_shows_the_error_that_is_said_beside_it() -> None:
    draw = np.random.default_rng(0)
    claimed = draw.uniform(0.5, 1, 100)
    seen = np.mean([reliability(claimed, draw.random(100) < claimed).error for _ in range(300)])
    assert floor(claimed, seed=1) == pytest.approx(seen, abs=0.01)
    assert floor(claimed, seed=1) > 0.05 > 10 * floor(np.full(100_000, 0.8), seed=1, samples=5)
    assert floor(claimed, seed=1) == floor(claimed, seed=1)
