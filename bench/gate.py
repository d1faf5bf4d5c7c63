"""The gate over many iterations, simulated with its own functions: does quality fall, and does what is better pass?

    python bench/gate.py [--iterations N] [--chains N] [--json]

A version has a true quality, a row a difficulty; two equal versions differ on about 8.6 % of the rows, as two trainings
do. Each iteration one challenger answers the test rows, and `volant.flywheel.gate.evidence` decides with the
number of the comparison, against the champion and the best former champion.

Exit code 1 if a bound is broken: true quality more than
one margin below the best champion, at any iteration of any chain; a challenger better by 0.02 promoted within ten
iterations on 1,000 rows in fewer than 90 % of the cases; one worse by 0.05 promoted on 100 rows in 1 % or more.
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

MARGIN, CONFIDENCE, START = 0.01, 0.95, 0.84
SHARED = 0.9019  # share of a row's difficulty that all versions have in common: two of 0.84 differ on 8.6 %
RENEWED = 20  # iterations after which the test rows are drawn anew, where they are
SIZES = (359, 1000, 2646)
LOOKS = 10
POWERS = ((100, 0), (359, 0), (1000, 0), (1000, 50), (2646, 0))  # rows, comparisons before
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
        challengers: How they are made.
        rows: Test rows.
        renewed: Whether test rows are drawn anew every 20 iterations.
        promoted: Promotions a chain.
        last: Mean true quality of the champion at the end.
        lowest: Lowest true quality of a champion at the end of a chain.
        fall: How far a champion was below the best champion, at worst, at any iteration.
        broken: Chains in which that was ever more than the margin.
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
    """Return which rows (versions, rows) versions of these qualities have right."""
    own = draw.standard_normal((len(quality), difficulty.shape[-1]), dtype=np.float32)
    bar = ndtri(quality)[:, None].astype(np.float32)
    return np.float32(SHARED**0.5) * difficulty + np.float32((1 - SHARED) ** 0.5) * own < bar


def low_ends(new: np.ndarray, old: np.ndarray, look: np.ndarray) -> np.ndarray:
    """Return the gate's lower end of the difference in accuracy, of each chain."""
    rows = new.shape[1]
    difference, spread = evidence.mean_difference(new.astype(np.float32) - old.astype(np.float32))
    return evidence.low_end(difference, spread, rows, rows, evidence.spent(look, CONFIDENCE))


class Chains:
    """Chains of iterations that run side by side; each has all its champions, and their answers to today's rows."""

    def __init__(self, count: int, rows: int, seed: list[int]) -> None:
        self.draw, self.rows = np.random.default_rng(seed), rows
        self.qualities = [[START] for _ in range(count)]
        self.look = np.zeros(count, dtype=int)
        self.renew()

    @property
    def active(self) -> np.ndarray:
        """True quality of each champion."""
        return np.array([chain[-1] for chain in self.qualities])

    @property
    def fall(self) -> np.ndarray:
        """How far each champion is below the best champion of its chain."""
        return np.array([max(chain) for chain in self.qualities]) - self.active

    def renew(self) -> None:
        """Draw new test rows, which all champions answer."""
        self.difficulty = self.draw.standard_normal((len(self.qualities), self.rows), dtype=np.float32)
        pairs = zip(self.difficulty, self.qualities, strict=True)
        self.answers = [list(answer(self.draw, difficulty, np.array(chain))) for difficulty, chain in pairs]
        self.champion = np.array([chain[-1] for chain in self.answers])
        self.best = np.array([max(chain, key=np.sum) for chain in self.answers])

    def step(self, challengers: Draw) -> int:
        """One iteration of each chain; returns how many promoted their challenger."""
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
            if over_champion[chain] > 0:  # shown to be better: a new budget
                self.look[chain] = 0
        return len(promoted)


def simulate(name: str, rows: int, renewed: bool, iterations: int, count: int) -> Case:
    """Run the chains of one case."""
    chains = Chains(count, rows, [list(CHALLENGERS).index(name), rows, renewed])
    promoted, fall = 0, np.zeros(count)
    for iteration in range(iterations):
        if renewed and iteration and iteration % RENEWED == 0:
            chains.renew()
        promoted += chains.step(CHALLENGERS[name])
        fall = np.maximum(fall, chains.fall)
    last, broken = chains.active, int((fall > MARGIN + evidence.ROUNDING).sum())
    return Case(name, rows, renewed, promoted / count, last.mean(), last.min(), fall.max(), broken)


def power(rows: int, true: float, count: int = 400, before: int = 0) -> tuple[float, float]:
    """Return the share of challengers of a true difference that pass at the first comparison, and within ten.

    Args:
        rows: Test rows.
        true: How much better they are.
        count: How many champions are challenged.
        before: Comparisons that were made before, without a version that was shown to be better.
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
    """Return in how many comparisons the simulation and `compare` with `judge` say something else."""
    gate = Gate(margin=MARGIN, confidence=CONFIDENCE, max_label_drop=None, max_slice_drop=None)
    draw, names = np.random.default_rng(5), np.array(["a", "b"])
    differ = 0
    for _ in range(count):
        difficulty = draw.standard_normal((1, rows), dtype=np.float32)
        right = answer(draw, difficulty, START + np.array([draw.choice([0.0, 0.03, 0.06]), 0.0, 0.01]))
        gold = draw.integers(0, 2, rows)
        test = pa.table({"id": [str(k) for k in range(rows)], "text": ["one text"] * rows, "label": names[gold]})
        said = [Answers(("a", "b"), [Annotation(label=n) for n in names[gold ^ ~mine]]) for mine in right.astype(bool)]
        look = int(draw.integers(1, 20))
        found = compare(KINDS["classify"], "accuracy", test, said[0], said[1], [], gate, 1, 50, None, look)
        pair = paired(KINDS["classify"], "accuracy", test, said[0], said[2], None)
        best = Past.answering(1, pair, CONFIDENCE, look, (50, 1))
        decided = judge(gate, {}, {}, found, Champions(exists=True, best=best)).passed
        over_champion, over_best = (low_ends(right[:1], right[k : k + 1], np.array([look])) for k in (1, 2))
        differ += decided != bool(evidence.passes(over_champion, over_best, MARGIN)[0])
    return differ


def broken(cases: list[Case], powers: Powers, differ: int) -> list[str]:
    """Return the bounds that do not hold."""
    found = [f"{c.challengers}, {c.rows} rows, renewed {c.renewed}: fell by {c.fall:.4f}" for c in cases if c.broken]
    if powers[1000, 0.02, 0][1] < 0.9:
        found.append(f"a challenger better by 0.02 passes within ten iterations in {powers[1000, 0.02, 0][1]:.0%}")
    if powers[100, -0.05, 0][1] >= 0.01:
        found.append(f"a challenger worse by 0.05 passes on 100 rows in {powers[100, -0.05, 0][1]:.0%}")
    return found + ([f"the gate and the simulation differ in {differ} comparisons"] if differ else [])


def main(
    iterations: Annotated[int, typer.Option(help="Iterations of each chain.")] = 1000,
    chains: Annotated[int, typer.Option(help="Chains of each case.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Simulate, print the tables, exit with 1 if a bound is broken."""
    start, console = time.perf_counter(), Console(stderr=True)
    plan = [(name, rows, renewed) for rows in SIZES for renewed in (False, True) for name in CHALLENGERS]
    cases = [simulate(*case, iterations, chains) for case in track(plan, "simulating", console=console)]
    trues = (-0.05, -0.02, 0.0, 0.01, 0.02, 0.03, 0.05)
    powers = {(rows, true, before): power(rows, true, before=before) for rows, before in POWERS for true in trues}
    found = broken(cases, powers, agreement())
    seconds = round(time.perf_counter() - start)
    if as_json:
        told = [
            {"rows": r, "true": t, "before": b, "first": p[0], "within_ten": p[1]} for (r, t, b), p in powers.items()
        ]
        tree = {"iterations": iterations, "chains": chains, "margin": MARGIN, "confidence": CONFIDENCE}
        tree |= {"cases": [asdict(case) for case in cases], "power": told, "broken": found, "seconds": seconds}
        print(json.dumps(tree))
    else:
        show(cases, powers, trues)
        print(f"{iterations} iterations, {chains} chains a case, {seconds} s")
        print("\n".join(f"broken: {line}" for line in found) or "All bounds hold.")
    sys.exit(1 if found else 0)


def show(cases: list[Case], powers: Powers, trues: tuple[float, ...]) -> None:
    """Print both tables."""
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
