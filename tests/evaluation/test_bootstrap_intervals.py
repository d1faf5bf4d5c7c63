import numpy as np
import pytest

from volant.evaluation.bootstrap import intervals
from volant.kinds.rates import tally


def coin(rights: np.ndarray) -> np.ndarray:
    """Two exclusive labels from one column of booleans."""
    return np.stack([rights, ~rights], axis=1)


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    gold = coin(np.ones(400, dtype=bool))
    said = coin(np.arange(400) < 320)  # 80 % right
    low, high = intervals(["accuracy"], tally(gold, said), None, 2000, seed=0)["accuracy"]
    wide = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert low == pytest.approx(0.8 - wide, abs=0.006)
    assert high == pytest.approx(0.8 + wide, abs=0.006)


def test_it_covers_the_truth_about_95_times_in_100() -> None:
    draw = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        said = coin(draw.random(200) < 0.7)
        low, high = intervals(["accuracy"], tally(coin(np.ones(200, bool)), said), None, 300, trial)["accuracy"]
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 200 <= 0.985


def test_the_seed_decides_and_memory_is_cut_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    gold, said = coin(draw.random(50) < 0.5), coin(draw.random(50) < 0.5)
    scores = draw.random((50, 2))
    names = ["macro_f1", "roc_auc"]
    whole = intervals(names, tally(gold, said), scores, 100, seed=3)
    monkeypatch.setattr("volant.evaluation.bootstrap.CELLS", 50 * 7)
    assert intervals(names, tally(gold, said), scores, 100, seed=3) == whole
    assert intervals(names, tally(gold, said), scores, 100, seed=4) != whole


def test_a_metric_that_is_never_defined_has_no_interval() -> None:
    gold = coin(np.ones(20, bool))
    assert set(intervals(["accuracy", "roc_auc"], tally(gold, gold), gold * 1.0, 100, 0)) == {"accuracy"}


def test_rows_of_a_group_are_drawn_together() -> None:
    """Twenty copies of each answer say no more than one: the interval is that of the forty groups."""
    rights = np.arange(40) < 30
    once = intervals(["accuracy"], tally(coin(np.ones(40, bool)), coin(rights)), None, 2000, seed=0)["accuracy"]
    many = tally(coin(np.ones(800, bool)), coin(np.repeat(rights, 20)))
    assert intervals(["accuracy"], many, None, 2000, 0, np.repeat(np.arange(40), 20))["accuracy"] == once
    low, high = intervals(["accuracy"], many, None, 2000, seed=0)["accuracy"]
    assert once[1] - once[0] > 3 * (high - low)
