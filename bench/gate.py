"""Simulation of the gate over many iterations, with its own functions: loss of quality, and power.

    python bench/gate.py [--iterations N] [--chains N] [--json]

A version has a true quality, a row a difficulty. Two equal versions differ on about 8.6 % of the rows, as two trainings
do. In each iteration one challenger predicts the test rows, and `volant.flywheel.gate.evidence` decides with the number
of the comparison, against the champion and the best former champion.

Exit code 1 if a bound is broken:

- The true quality is never more than one margin below the best champion, at any iteration of any chain.
- A challenger better by 0.02 is promoted within ten iterations on 1,000 rows in at least 90 % of the cases.
- A challenger worse by 0.05 is promoted on 100 rows in less than 1 % of the cases.
- The simulation decides as the gate does.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import ndtri

from volant.config import Gate
from volant.flywheel.gate import Answers, Champions, Past, compare, evidence, judge, paired
from volant.kinds import KINDS
from volant.kinds.record import Annotation

MARGIN = 0.01
CONFIDENCE = 0.95
START = 0.84
SHARED = 0.9019  # share of a row's difficulty that all versions have in common: two of quality 0.84 differ on 8.6 %
RENEWED = 20  # number of iterations after which the test rows are replaced, in cases with new rows
SIZES = (359, 1000, 2646)
LOOKS = 10
POWERS = ((100, 0), (359, 0), (1000, 0), (1000, 50), (2646, 0))  # rows, earlier comparisons
Powers = dict[tuple[int, float, int], tuple[float, float]]
Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]
CHALLENGERS: dict[str, Draw] = {
    "equal": lambda _, active: active,
    "each 0.002 below the active": lambda _, active: active - 0.002,
    "each 0.005 below the active": lambda _, active: active - 0.005,
    "active + N(-0.005, 0.01)": lambda draw, active: active + draw.normal(-0.005, 0.01, len(active)),
    "0.84 + N(-0.005, 0.01)": lambda draw, active: START + draw.normal(-0.005, 0.01, len(active)),
}


@dataclass(frozen=True)
class Case:
    """One simulated case over all its chains.

    Attributes:
        challengers: Name of their distribution.
        rows: Number of test rows.
        renewed: True if the test rows are replaced every 20 iterations.
        promoted: Mean number of promotions per chain.
        last: Mean true quality of the last champion.
        lowest: Lowest true quality of a last champion.
        fall: Largest distance of a champion from the best champion of its chain, at any iteration.
        broken: Number of chains in which that distance exceeded the margin.
    """

    challengers: str
    rows: int
    renewed: bool
    promoted: float
    last: float
    lowest: float
    fall: float
    broken: int


def answer(draw: np.random.Generator, difficulty: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return a mask of the correct predictions, (versions, rows).

    Args:
        draw: Generator of random numbers.
        difficulty: Difficulty of each row, (versions, rows) or (rows,).
        quality: True quality of each version, (versions,).
    """
    own = draw.standard_normal((len(quality), difficulty.shape[-1]), dtype=np.float32)
    bound = ndtri(quality)[:, None].astype(np.float32)
    return np.float32(SHARED**0.5) * difficulty + np.float32((1 - SHARED) ** 0.5) * own < bound


def low_ends(new: np.ndarray, old: np.ndarray, look: np.ndarray) -> np.ndarray:
    """Return the gate's lower end of the difference in accuracy, (chains,).

    Args:
        new: Correct predictions of the challengers, (chains, rows).
        old: Correct predictions of the other versions, (chains, rows).
        look: Number of the comparison, (chains,).
    """
    rows = new.shape[1]
    difference, spread = evidence.mean_difference(new.astype(np.float32) - old.astype(np.float32))
    return evidence.low_end(difference, spread, rows, rows, evidence.spent(look, CONFIDENCE))


class Chains:
    """Parallel chains of iterations, each with all its champions and their predictions for the current rows.

    Args:
        count: Number of chains.
        rows: Number of test rows.
        seed: Seed of all draws.
    """

    def __init__(self, count: int, rows: int, seed: list[int]) -> None:
        self.draw = np.random.default_rng(seed)
        self.rows = rows
        self.qualities = [[START] for _ in range(count)]
        self.look = np.zeros(count, dtype=int)
        self.renew()

    @property
    def active(self) -> np.ndarray:
        """True quality of each champion, (chains,)."""
        return np.array([chain[-1] for chain in self.qualities])

    @property
    def fall(self) -> np.ndarray:
        """Distance of each champion from the best champion of its chain, (chains,)."""
        return np.array([max(chain) for chain in self.qualities]) - self.active

    def renew(self) -> None:
        """Draw new test rows, and predictions of all champions for them."""
        self.difficulty = self.draw.standard_normal((len(self.qualities), self.rows), dtype=np.float32)
        pairs = zip(self.difficulty, self.qualities, strict=True)
        self.answers = [list(answer(self.draw, difficulty, np.array(chain))) for difficulty, chain in pairs]
        self.champion = np.array([chain[-1] for chain in self.answers])
        self.best = np.array([max(chain, key=np.sum) for chain in self.answers])

    def step(self, challengers: Draw) -> int:
        """Run one iteration of each chain; return the number of promotions."""
        quality = np.clip(challengers(self.draw, self.active), 0.01, 0.99)
        new = answer(self.draw, self.difficulty, quality)
        self.look += 1
        over_champion, over_best = (low_ends(new, old, self.look) for old in (self.champion, self.best))
        promoted = np.flatnonzero(evidence.passes(over_champion, over_best, MARGIN))
        for chain in promoted:
            self.qualities[chain].append(float(quality[chain]))
            self.answers[chain].append(new[chain])
            self.champion[chain] = new[chain]
            self.best[chain] = max(self.best[chain], new[chain], key=np.sum)
            if over_champion[chain] > 0:  # significantly better: a new error budget
                self.look[chain] = 0
        return len(promoted)


def simulate(name: str, rows: int, renewed: bool, iterations: int, count: int) -> Case:
    """Run the chains of one case.

    Args:
        name: Name of the challengers' distribution.
        rows: Number of test rows.
        renewed: Replace the test rows every 20 iterations.
        iterations: Number of iterations.
        count: Number of chains.
    """
    chains = Chains(count, rows, [list(CHALLENGERS).index(name), rows, renewed])
    promoted = 0
    fall = np.zeros(count)
    for iteration in range(iterations):
        if renewed and iteration and iteration % RENEWED == 0:
            chains.renew()
        promoted += chains.step(CHALLENGERS[name])
        fall = np.maximum(fall, chains.fall)
    last = chains.active
    broken = int((fall > MARGIN + evidence.ROUNDING).sum())
    return Case(name, rows, renewed, promoted / count, last.mean(), last.min(), fall.max(), broken)


def power(rows: int, true: float, count: int = 400, before: int = 0) -> tuple[float, float]:
    """Return the share of challengers that pass at the first comparison, and within ten.

    Args:
        rows: Number of test rows.
        true: True difference of the challengers from the champions.
        count: Number of champions.
        before: Number of earlier comparisons without a significantly better version.
    """
    chains = Chains(count, rows, [rows, round(1000 * true) + 1000])
    done = np.zeros(count, dtype=bool)
    first = 0.0
    for look in range(1, LOOKS + 1):
        new = answer(chains.draw, chains.difficulty, np.full(count, START + true))
        low = low_ends(new, chains.champion, np.full(count, before + look))
        done |= evidence.passes(low, low, MARGIN)
        first = first if look > 1 else float(done.mean())
    return first, float(done.mean())


def agreement(count: int = 40, rows: int = 359) -> int:
    """Return the number of comparisons in which the simulation and `compare` with `judge` decide differently."""
    gate = Gate(margin=MARGIN, confidence=CONFIDENCE, max_label_drop=None, max_slice_drop=None)
    draw = np.random.default_rng(5)
    names = np.array(["a", "b"])
    differ = 0
    for _ in range(count):
        difficulty = draw.standard_normal((1, rows), dtype=np.float32)
        right = answer(draw, difficulty, START + np.array([draw.choice([0.0, 0.03, 0.06]), 0.0, 0.01]))
        gold = draw.integers(0, 2, rows)
        test = pa.table({"id": [str(k) for k in range(rows)], "text": ["one text"] * rows, "label": names[gold]})
        challenger, champion, best = (_answers(names[gold ^ ~correct]) for correct in right.astype(bool))
        look = int(draw.integers(1, 20))
        comparison = compare(KINDS["classify"], "accuracy", test, challenger, champion, [], gate, 1, 50, None, look)
        pair = paired(KINDS["classify"], "accuracy", test, challenger, best, None)
        past = Past.answering(1, pair, CONFIDENCE, look, (50, 1))
        passed = judge(gate, {}, {}, comparison, Champions(exists=True, best=past)).passed
        over_champion, over_best = (low_ends(right[:1], right[k : k + 1], np.array([look])) for k in (1, 2))
        differ += passed != bool(evidence.passes(over_champion, over_best, MARGIN)[0])
    return differ


def _answers(labels: np.ndarray) -> Answers:
    return Answers(("a", "b"), [Annotation(label=label) for label in labels])


def broken(cases: list[Case], powers: Powers, differ: int) -> list[str]:
    """Return the bounds that do not hold.

    Args:
        cases: Results of the simulated cases.
        powers: Power by rows, true difference and earlier comparisons.
        differ: Number of comparisons in which gate and simulation differ.
    """
    bounds = [f"{c.challengers}, {c.rows} rows, renewed {c.renewed}: fell by {c.fall:.4f}" for c in cases if c.broken]
    if powers[1000, 0.02, 0][1] < 0.9:
        bounds.append(f"a challenger better by 0.02 passes within ten iterations in {powers[1000, 0.02, 0][1]:.0%}")
    if powers[100, -0.05, 0][1] >= 0.01:
        bounds.append(f"a challenger worse by 0.05 passes on 100 rows in {powers[100, -0.05, 0][1]:.0%}")
    return bounds + ([f"the gate and the simulation differ in {differ} comparisons"] if differ else [])


def main(
    iterations: Annotated[int, typer.Option(help="Number of iterations of each chain.")] = 1000,
    chains: Annotated[int, typer.Option(help="Number of chains of each case.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Simulate, print the tables, and exit with 1 if a bound is broken."""
    start = time.perf_counter()
    console = Console(stderr=True)
    plan = [(name, rows, renewed) for rows in SIZES for renewed in (False, True) for name in CHALLENGERS]
    cases = [simulate(*case, iterations, chains) for case in track(plan, "simulating", console=console)]
    trues = (-0.05, -0.02, 0.0, 0.01, 0.02, 0.03, 0.05)
    powers = {(rows, true, before): power(rows, true, before=before) for rows, before in POWERS for true in trues}
    bounds = broken(cases, powers, agreement())
    seconds = round(time.perf_counter() - start)
    if as_json:
        rows = [
            {"rows": r, "true": t, "before": b, "first": p[0], "within_ten": p[1]} for (r, t, b), p in powers.items()
        ]
        tree = {"iterations": iterations, "chains": chains, "margin": MARGIN, "confidence": CONFIDENCE}
        tree |= {"cases": [asdict(case) for case in cases], "power": rows, "broken": bounds, "seconds": seconds}
        print(json.dumps(tree))
    else:
        show(cases, powers, trues)
        print(f"{iterations} iterations, {chains} chains per case, {seconds} s")
        print("\n".join(f"broken: {line}" for line in bounds) or "All bounds hold.")
    sys.exit(1 if bounds else 0)


def show(cases: list[Case], powers: Powers, trues: tuple[float, ...]) -> None:
    """Print both tables.

    Args:
        cases: Results of the simulated cases.
        powers: Power by rows, true difference and earlier comparisons.
        trues: True differences, a column each.
    """
    table = Table(
        "challengers", "rows", "new rows", "promotions", "quality at the end", "lowest", "largest fall", "broken"
    )
    for c in cases:
        figures = (f"{c.promoted:.2f}", f"{c.last:.3f}", f"{c.lowest:.3f}", f"{c.fall:.4f}", str(c.broken))
        table.add_row(c.challengers, f"{c.rows:,}", "every 20" if c.renewed else "never", *figures)
    shares = Table("rows", *(f"{true:+g}" if true else "equal" for true in trues), title="passes: first / within ten")
    for rows, before in POWERS:
        name = f"{rows:,} after {before} comparisons" if before else f"{rows:,}"
        shares.add_row(name, *("{:.0%} / {:.0%}".format(*powers[rows, true, before]) for true in trues))
    console = Console(width=140)
    console.print(table)
    console.print(shares)


if __name__ == "__main__":
    typer.run(main)
