"""Active selection: how many labels a target takes, drawn at random and chosen by `volant suggest`.

    VOLANT_MIRROR=FOLDER python bench/active.py [--sets imdb,snips] [--seeds 0,1,2] [--json]

From 50 labels on, a linear model is fitted again after each 50 more, and scored on test rows. *Chosen* takes the texts
that the model is least sure of and that are unlike each other, as `volant suggest` does (`uncertainty` and `spread`).
Both begin with the same rows and draw from the same pool. Test rows only measure.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from volant.config import build
from volant.config.model_choice import model_tree
from volant.flywheel.advice.rows import pick, refit
from volant.flywheel.advice.suggest import spread, uncertainty
from volant.kinds import KINDS, Calibration
from volant.kinds.record import Annotation
from volant.models import Examples, Task

BATCH = 50
POOL, TEST = 3000, 2000
CLASSIFY = KINDS["classify"]


@dataclass(frozen=True)
class Bench:
    """A set, its column of labels, and the score that is to be reached."""

    label: str
    metric: str
    target: float
    model: str
    most: int


BENCHES = {
    "imdb": Bench("label", "accuracy", 0.809, "linear-words", 800),
    "snips": Bench("intent", "macro_f1", 0.940, "linear", 600),
}


def examples(name: str, split: str, count: int, labels: Sequence[str] | None, seed: int) -> tuple[Examples, list[str]]:
    """A seeded sample of a mirrored set's split, and its labels."""
    bench = BENCHES[name]
    path = Path(os.environ["VOLANT_MIRROR"]) / name / f"{split}.parquet"
    table = pq.read_table(path, columns=["text", bench.label])
    table = table.take(np.random.default_rng(seed).permutation(len(table))[:count])
    gold = [Annotation(label=label) for label in table[bench.label].to_pylist()]
    known = list(labels or sorted({str(a.label) for a in gold}))
    return Examples(table["text"].to_pylist(), gold, CLASSIFY.targets(gold, known)), known


def curve(name: str, seed: int, chosen: bool) -> list[float]:
    """The score after each 50 labels."""
    bench = BENCHES[name]
    pool, labels = examples(name, "train", POOL, None, seed)
    test, _ = examples(name, "test", TEST, labels, 0)
    task = Task(CLASSIFY, tuple(labels), bench.metric, seed)
    model: Any = build(model_tree(Path(), bench.model), bench.model)
    order = np.random.default_rng(seed).permutation(len(pool.texts))
    held, scores = order[:BATCH], []
    while True:
        rest = np.setdiff1d(order, held, assume_unique=True)
        asked = [*test.texts, *(pool.texts[k] for k in rest)]
        answers = CLASSIFY.decode(
            CLASSIFY.probabilities(refit(model, pick(pool, held), asked, task), Calibration()), labels, Calibration()
        )
        scores.append(CLASSIFY.score(test.gold, answers[: len(test.texts)], labels)[bench.metric])
        if len(held) >= bench.most:
            return scores
        if chosen:
            unsure = uncertainty(CLASSIFY, answers[len(test.texts) :], labels, ())
            taken = rest[spread(list(pick(pool, rest).texts), unsure, BATCH, seed)]
        else:
            taken = np.array([k for k in order if k not in set(held.tolist())][:BATCH])
        held = np.concatenate([held, taken])


def needed(scores: np.ndarray, target: float) -> int | None:
    """Labels from which on the mean score reaches the target; none if it never does."""
    reached = np.flatnonzero(scores >= target)
    return int((reached[0] + 1) * BATCH) if len(reached) else None


def main() -> None:
    """Measure each set and print labels needed and mean scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="imdb,snips")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for name in given.sets.split(","):
        bench, found = BENCHES[name], {}
        for way in ("random", "chosen"):
            curves = [curve(name, int(seed), way == "chosen") for seed in given.seeds.split(",")]
            found[way] = np.mean(curves, axis=0)
        line = {"set": name, "metric": bench.metric, "target": bench.target, "seeds": given.seeds}
        line |= {f"labels_{way}": needed(scores, bench.target) for way, scores in found.items()}
        line |= {way: [round(float(score), 4) for score in scores] for way, scores in found.items()}
        print(json.dumps(line) if given.json else "\n".join(f"{key}: {value}" for key, value in line.items()))


if __name__ == "__main__":
    main()
