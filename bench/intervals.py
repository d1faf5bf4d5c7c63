"""Coverage of the 95 % intervals of evaluation, by a seeded simulation of a few minutes on one core.

    python bench/intervals.py [--trials 200]

The true value of a case is its metric on very many rows.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from volant.evaluation.bootstrap import intervals
from volant.kinds.rates import Tallies, measure, tally

Rows = tuple[Tallies, np.ndarray]  # and the unit of each row
SAMPLES = 400


@dataclass(frozen=True)
class Case:
    """A distribution of test sets.

    Attributes:
        name: Description.
        rows: Number of rows of a test set.
        metric: Metric of the interval.
        draw: Function of the number of rows and a generator that draws a test set.
    """

    name: str
    rows: int
    metric: str
    draw: Callable[[int, np.random.Generator], Rows]


def labels(shares: np.ndarray, right: np.ndarray) -> Callable[[int, np.random.Generator], Rows]:
    """Return a function that draws rows with predictions that are correct with a given probability.

    Args:
        shares: Probability of each label, (labels,).
        right: Probability that a row of the label is correct, (labels,); else another label is predicted.
    """

    def draw(rows: int, random: np.random.Generator) -> Rows:
        gold = random.choice(len(shares), rows, p=shares)
        other = (gold + random.integers(1, len(shares), rows)) % len(shares)
        answer = np.where(random.random(rows) < right[gold], gold, other)
        eye = np.eye(len(shares), dtype=bool)
        return tally(eye[gold], eye[answer]), np.arange(rows)

    return draw


def groups(size: int, spread: float) -> Callable[[int, np.random.Generator], Rows]:
    """Return a function that draws groups of rows that share their difficulty: a probit with that spread."""
    from scipy.stats import norm

    def draw(rows: int, random: np.random.Generator) -> Rows:
        units = np.arange(rows) // size
        easy = norm.cdf(1.1 + spread * random.normal(size=rows // size))[units]
        eye = np.eye(2, dtype=bool)
        gold = random.integers(0, 2, rows)
        return tally(eye[gold], eye[np.where(random.random(rows) < easy, gold, 1 - gold)]), units

    return draw


def cases() -> list[Case]:
    """Return the cases of docs/results.md."""
    two = np.array([0.5, 0.5])
    skewed = 1 / np.arange(1, 29)
    many = labels(skewed / skewed.sum(), np.linspace(0.75, 0.45, 28))
    result = [Case("2 labels, 0.84 right", n, "accuracy", labels(two, np.full(2, 0.84))) for n in (20, 100, 359)]
    result += [Case("2 labels, 0.97 right", n, "accuracy", labels(two, np.full(2, 0.97))) for n in (20, 30, 60, 359)]
    result += [Case("2 labels, 0.97 right", n, "macro_f1", labels(two, np.full(2, 0.97))) for n in (20, 30, 60, 359)]
    result += [Case("28 skewed labels", n, "macro_f1", many) for n in (100, 359, 1000)]
    result += [Case(f"{n} groups of 20", 20 * n, "accuracy", groups(20, 0.8)) for n in (10, 20, 100)]
    return result


def coverage(case: Case, trials: int) -> tuple[float, float, float]:
    """Return the share of intervals that contain the true value, their mean width, and the share of width 0."""
    random = np.random.default_rng(1)
    truth = measure([case.metric], case.draw(400_000, random)[0], None)[case.metric].item()
    ends = []
    for trial in range(trials):
        tallies, units = case.draw(case.rows, random)
        ends.append(intervals([case.metric], tallies, None, SAMPLES, trial, units)[case.metric])
    low, high = np.array(ends).T
    return float(((low <= truth) & (truth <= high)).mean()), float((high - low).mean()), float((high == low).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    print("| case | rows | metric | covered | mean width | width 0 |\n| :-- | --: | :-- | --: | --: | --: |")
    for case in cases():
        covered, width, none = coverage(case, trials)
        print(f"| {case.name} | {case.rows} | {case.metric} | {covered:.0%} | {width:.3f} | {none:.0%} |", flush=True)


if __name__ == "__main__":
    main()
