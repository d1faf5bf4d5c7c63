import numpy as np
import pyarrow as pa
import pytest

from volant.errors import VolantError
from volant.evaluation.partition import LENGTH, partitions
from volant.evaluation.slices import Slices, measure_parts, summarise, with_intervals
from volant.kinds.rates import tally


def rows(**columns: list) -> pa.Table:
    size = len(next(iter(columns.values())))
    return pa.table({"text": ["word " * (k + 1) for k in range(size)], **columns})


def test_lengths_are_cut_in_quarters() -> None:
    names, codes = partitions(rows(a=[0] * 8), [])[LENGTH]
    assert names == ["1 to 2", "3 to 4", "5 to 6", "7 to 8"]
    assert codes.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_texts_of_one_length_are_one_part() -> None:
    names, codes = partitions(pa.table({"text": ["a b", "c d"]}), [])[LENGTH]
    assert (names, codes.tolist()) == (["2"], [0, 0])


def test_values_sort_as_what_they_are_and_none_comes_last() -> None:
    assert partitions(rows(stars=[10, 2, None]), ["stars"])["stars"][0] == ["2", "10", "(none)"]
    assert partitions(rows(film=["b", None, "a"]), ["film"])["film"][0] == ["a", "b", "(none)"]


def test_a_column_of_many_numbers_is_cut_in_quarters_with_none_apart() -> None:
    names, codes = partitions(rows(price=[*range(40), None]), ["price"])["price"]
    assert names == ["0 to 9", "10 to 19", "20 to 29", "30 to 39", "(none)"]
    assert np.bincount(codes).tolist() == [10, 10, 10, 10, 1]


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(VolantError, match=r"'movi'.*Did you mean 'movie'.*text, movie"):
        partitions(rows(movie=["a"]), ["movi"])


def many(values: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Values of 20 + k rows each, of which k in `values` are right."""
    codes = np.repeat(np.arange(values), [20 + k for k in range(values)])
    right = np.concatenate([np.arange(20 + k) < k for k in range(values)])
    return [f"v{k:02}" for k in range(values)], codes, right


def test_each_part_is_scored_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    names, codes, right = many(5)
    gold = np.stack([np.ones(len(codes), bool), np.zeros(len(codes), bool)], axis=1)
    said = np.stack([right, ~right], axis=1)
    monkeypatch.setattr("volant.evaluation.slices.CELLS", 2 * len(codes))  # two parts at a time
    found = measure_parts((names, codes), ["accuracy", "roc_auc"], tally(gold, said), said * 1.0)
    assert [s.rows for s in found] == [20, 21, 22, 23, 24]
    assert [s.scores for s in found] == [pytest.approx({"accuracy": k / (20 + k)}) for k in range(5)]


def test_of_many_values_the_largest_and_the_worst_are_listed_with_the_spread() -> None:
    names, codes, right = many(40)
    gold = np.stack([np.ones(len(codes), bool), np.zeros(len(codes), bool)], axis=1)
    found = measure_parts((names, codes), ["accuracy"], tally(gold, np.stack([right, ~right], 1)), None)
    summary = summarise("film", found, "accuracy")
    assert [s.value for s in summary.listed] == [f"v{k:02}" for k in [*range(39, 29, -1), *range(10)]]
    assert (summary.values, summary.spread["lowest"]) == (40, 0.0)
    assert summary.spread["highest"] == pytest.approx(39 / 59)
    turned = summarise("film", found, "accuracy", lower_is_better=True)
    assert [s.value for s in turned.listed] == [f"v{k:02}" for k in range(39, 29, -1)]


def test_too_small_values_are_never_called_the_worst() -> None:
    names, codes, right = many(30)
    codes = np.r_[codes, np.full(5, 30)]
    right = np.r_[right, np.zeros(5, bool)]
    gold = np.stack([np.ones(len(codes), bool), np.zeros(len(codes), bool)], axis=1)
    found = measure_parts(([*names, "tiny"], codes), ["accuracy"], tally(gold, np.stack([right, ~right], 1)), None)
    assert "tiny" not in [s.value for s in summarise("film", found, "accuracy").listed]


def sliced(rights: list[int], rows: int = 26) -> Slices:
    """Slices of 26 rows with so many right."""
    codes = np.repeat(np.arange(len(rights)), rows)
    right = np.concatenate([np.arange(rows) < count for count in rights])
    judged = tally(np.stack([right | True, ~(right | True)], 1), np.stack([right, ~right], 1))
    names = [f"v{k:03}" for k in range(len(rights))]
    found = measure_parts((names, codes), ["accuracy"], judged, None)
    summary = summarise("film", found, "accuracy")
    return with_intervals(summary, (names, codes), "accuracy", (judged, np.zeros((len(codes), 2))), seed=0)


def test_the_lowest_of_many_equal_slices_is_not_called_worse() -> None:
    """Of 102 slices of 26 rows with 0.84 right each, the lowest has 0.64: that is luck."""
    rights = np.random.default_rng(0).binomial(26, 0.84, 102).tolist()
    assert min(rights) / 26 < 0.7
    assert sliced(rights).worse == []
    assert sliced([*rights, 9]).worse == ["v102"]


def test_listed_slices_have_an_interval_that_holds_their_score() -> None:
    for one in sliced([20] * 25 + [26]).listed:
        assert one.interval
        assert one.interval[0] <= one.scores["accuracy"] <= one.interval[1]
        assert one.interval[1] - one.interval[0] > 0.1, "also where every row is right"
