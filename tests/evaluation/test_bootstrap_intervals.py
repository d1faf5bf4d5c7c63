import numpy as np
import pytest

from volant.evaluation.bootstrap import intervals
from volant.kinds.rates import measure, tally


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


def held(rows: int, right: float, units: int | None = None, spread: float = 0.0) -> float:
    """Share of 150 intervals of accuracy that hold the truth; rows of a unit err together."""
    draw = np.random.default_rng(0)
    number = np.arange(rows) // (rows // units) if units else np.arange(rows)
    count = 0
    for trial in range(150):
        easy = np.clip(right + spread * draw.uniform(-1, 1, number.max() + 1), 0, 1)[number]
        said = coin(draw.random(rows) < easy)
        low, high = intervals(["accuracy"], tally(coin(np.ones(rows, bool)), said), None, 200, trial, number)[
            "accuracy"
        ]
        count += low <= right <= high
    return count / 150


def test_a_nearly_perfect_test_set_has_an_interval_that_holds_the_truth() -> None:
    """Its width was 0 in 57 of 100 cases of 20 rows, and 43 of 100 intervals held the truth."""
    assert held(20, 0.97) >= 0.93
    assert held(60, 0.97) >= 0.93
    right = coin(np.ones(30, bool))
    for name, (low, high) in intervals(["accuracy", "macro_f1"], tally(right, right), None, 100, 0).items():
        assert low < 0.95, name
        assert high == 1


def test_ten_groups_have_the_interval_of_students_t() -> None:
    """87 of 100 held the truth."""
    assert held(200, 0.8, units=10, spread=0.2) >= 0.9


def test_hardly_any_mistake_widens_a_loss_upwards() -> None:
    gold = np.ones((40, 3), bool)
    low, high = intervals(["hamming_loss"], tally(gold, gold), None, 100, 0)["hamming_loss"]
    assert (low, high > 0.05) == (0, True)


def test_macro_f1_of_rare_labels_is_not_judged_by_draws_that_lack_them() -> None:
    """Each draw of 100 rows lacks some of 20 rare labels, so the interval lay below the score itself."""
    draw = np.random.default_rng(0)
    gold = np.eye(20, dtype=bool)[np.r_[np.zeros(60, int), np.arange(40) % 19 + 1]]
    said = np.where(draw.random((100, 1)) < 0.7, gold, np.roll(gold, 1, axis=1))
    judged = tally(gold, said)
    score = measure(["macro_f1"], judged, None)["macro_f1"].item()
    low, high = intervals(["macro_f1"], judged, None, 500, 0)["macro_f1"]
    assert low < score < high
    assert abs((low + high) / 2 - score) < 0.6 * (high - low)
