"""How often the 95 % intervals of evaluation hold the truth, by simulation: seeded, a few minutes on one core.

Run as `python bench/intervals.py [--trials 200]`. The truth of a case is its metric on very many rows.
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
    """Test sets of one sort: how they are drawn, with how many rows, and the metric looked at."""

    name: str
    rows: int
    metric: str
    draw: Callable[[int, np.random.Generator], Rows]


def labels(shares: np.ndarray, right: np.ndarray) -> Callable[[int, np.random.Generator], Rows]:
    """Rows of labels of these shares, each answered rightly as often as `right` says, else by another label."""

    def draw(rows: int, random: np.random.Generator) -> Rows:
        gold = random.choice(len(shares), rows, p=shares)
        other = (gold + random.integers(1, len(shares), rows)) % len(shares)
        answer = np.where(random.random(rows) < right[gold], gold, other)
        eye = np.eye(len(shares), dtype=bool)
        return tally(eye[gold], eye[answer]), np.arange(rows)

    return draw


def groups(size: int, spread: float) -> Callable[[int, np.random.Generator], Rows]:
    """Groups of rows that are easier or harder together: a probit with that spread."""
    from scipy.stats import norm

    def draw(rows: int, random: np.random.Generator) -> Rows:
        units = np.arange(rows) // size
        easy = norm.cdf(1.1 + spread * random.normal(size=rows // size))[units]
        eye = np.eye(2, dtype=bool)
        gold = random.integers(0, 2, rows)
        return tally(eye[gold], eye[np.where(random.random(rows) < easy, gold, 1 - gold)]), units

    return draw


def cases() -> list[Case]:
    """Those of docs/results.md."""
    two = np.array([0.5, 0.5])
    skewed = 1 / np.arange(1, 29)
    many = labels(skewed / skewed.sum(), np.linspace(0.75, 0.45, 28))
    found = [Case("2 labels, 0.84 right", n, "accuracy", labels(two, np.full(2, 0.84))) for n in (20, 100, 359)]
    found += [Case("2 labels, 0.97 right", n, "accuracy", labels(two, np.full(2, 0.97))) for n in (20, 30, 60, 359)]
    found += [Case("2 labels, 0.97 right", n, "macro_f1", labels(two, np.full(2, 0.97))) for n in (20, 30, 60, 359)]
    found += [Case("28 skewed labels", n, "macro_f1", many) for n in (100, 359, 1000)]
    found += [Case(f"{n} groups of 20", 20 * n, "accuracy", groups(20, 0.8)) for n in (10, 20, 100)]
    return found


def coverage(case: Case, trials: int) -> tuple[float, float, float]:
    """Share of intervals that hold the truth, their mean width, and the share without any width."""
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
