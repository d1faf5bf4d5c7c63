"""Active selection: labels needed for a target score, drawn at random or chosen by `volant suggest`.

    VOLANT_MIRROR=FOLDER python bench/active.py [--sets imdb,snips] [--seeds 0,1,2] [--json]

Starting with 50 labels, a linear model is fitted after every 50 more, and scored on test rows. *Chosen* takes the texts
with the highest uncertainty that differ from each other, as `volant suggest` does (`uncertainty` and `spread`). Both
start with the same rows and draw from the same pool. Test rows are only used for the score.
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
POOL = 3000
TEST = 2000
CLASSIFY = KINDS["classify"]


@dataclass(frozen=True)
class Bench:
    """A data set.

    Attributes:
        label: Column of the label.
        metric: Metric of the score.
        target: Score to reach.
        model: Option of `conf/model` to fit.
        most: Maximum number of labels.
    """

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
    """Return a seeded sample of a mirrored set's split, and its labels.

    Args:
        name: Name of the set.
        split: Name of the split.
        count: Number of rows.
        labels: The label set; the labels of the sample if None.
        seed: Seed of the sample.
    """
    bench = BENCHES[name]
    path = Path(os.environ["VOLANT_MIRROR"]) / name / f"{split}.parquet"
    table = pq.read_table(path, columns=["text", bench.label])
    table = table.take(np.random.default_rng(seed).permutation(len(table))[:count])
    gold = [Annotation(label=label) for label in table[bench.label].to_pylist()]
    label_set = list(labels or sorted({str(a.label) for a in gold}))
    return Examples(table["text"].to_pylist(), gold, CLASSIFY.targets(gold, label_set)), label_set


def curve(name: str, seed: int, chosen: bool) -> list[float]:
    """Return the score after each 50 labels.

    Args:
        name: Name of the set.
        seed: Seed of the sample, the order and the model.
        chosen: Choose the rows by uncertainty; else draw them at random.
    """
    bench = BENCHES[name]
    pool, labels = examples(name, "train", POOL, None, seed)
    test, _ = examples(name, "test", TEST, labels, 0)
    task = Task(CLASSIFY, tuple(labels), bench.metric, seed)
    model: Any = build(model_tree(Path(), bench.model), bench.model)
    order = np.random.default_rng(seed).permutation(len(pool.texts))
    labelled = order[:BATCH]
    scores = []
    while True:
        rest = np.setdiff1d(order, labelled, assume_unique=True)
        texts = [*test.texts, *(pool.texts[k] for k in rest)]
        probabilities = CLASSIFY.probabilities(refit(model, pick(pool, labelled), texts, task), Calibration())
        predictions = CLASSIFY.decode(probabilities, labels, Calibration())
        scores.append(CLASSIFY.score(test.gold, predictions[: len(test.texts)], labels)[bench.metric])
        if len(labelled) >= bench.most:
            return scores
        if chosen:
            uncertainties = uncertainty(CLASSIFY, predictions[len(test.texts) :], labels, ())
            batch = rest[spread(list(pick(pool, rest).texts), uncertainties, BATCH, seed)]
        else:
            batch = np.array([k for k in order if k not in set(labelled.tolist())][:BATCH])
        labelled = np.concatenate([labelled, batch])


def needed(scores: np.ndarray, target: float) -> int | None:
    """Return the number of labels at which the mean score reaches the target; None if it never does."""
    reached = np.flatnonzero(scores >= target)
    return int((reached[0] + 1) * BATCH) if len(reached) else None


def main() -> None:
    """Measure each set, and print the labels needed and the mean scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="imdb,snips")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.sets.split(","):
        bench = BENCHES[name]
        means: dict[str, np.ndarray] = {}
        for selection in ("random", "chosen"):
            curves = [curve(name, int(seed), selection == "chosen") for seed in options.seeds.split(",")]
            means[selection] = np.mean(curves, axis=0)
        line = {"set": name, "metric": bench.metric, "target": bench.target, "seeds": options.seeds}
        line |= {f"labels_{selection}": needed(scores, bench.target) for selection, scores in means.items()}
        line |= {selection: np.round(scores, 4).tolist() for selection, scores in means.items()}
        print(json.dumps(line) if options.json else "\n".join(f"{key}: {value}" for key, value in line.items()))


if __name__ == "__main__":
    main()
