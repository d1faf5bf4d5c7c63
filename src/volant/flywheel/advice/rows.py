"""Train rows for quick refits: ordered so that each beginning is a fair sample, and refits."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from volant.bundle import runtime
from volant.datasets.splits.stratified import rarest
from volant.kinds import Kind
from volant.kinds.record import Annotation
from volant.models import Examples, Task
from volant.models.folds import pick
from volant.models.tfidf import Linear

ABSENT = -20.0  # the logit of a label that no row of a refit has: a probability of nearly 0


def strata(kind: Kind, gold: Sequence[Annotation]) -> np.ndarray:
    """Return the number of each row's rarest label (N,), so that rare labels are spread too."""
    labels = [kind.labels_of(annotation) or ("",) for annotation in gold]
    return np.unique(rarest(labels, kind.count(gold)), return_inverse=True)[1]


def fair_order(groups: np.ndarray, seed: int) -> np.ndarray:
    """Positions (N,) shuffled so that every beginning holds each stratum in proportion, and one row of it at least.

    Args:
        groups: Number of each row's stratum.
        seed: Of the shuffle.

    Example:
        >>> order = fair_order(np.array([0] * 6 + [1] * 2), seed=0)
        >>> sorted(np.array([0] * 6 + [1] * 2)[order[:4]].tolist())
        [0, 0, 0, 1]
    """
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    place = np.empty(len(groups))
    for stratum in np.unique(groups):
        rows = shuffled[groups[shuffled] == stratum]
        place[rows] = np.arange(len(rows)) / len(rows)
    return shuffled[np.argsort(place[shuffled], kind="stable")]


def refit(model: Linear, train: Examples, texts: Sequence[str], task: Task) -> np.ndarray:
    """Logits (N, L) of texts by a model fitted on the train rows; its files are thrown away.

    A label that no train row has is never said.

    Args:
        model: Model to fit.
        train: Rows to learn from.
        texts: Texts (N) to predict.
        task: Kind, labels (L), metric, seed.
    """
    held = task.kind.count(train.gold)
    known = tuple(label for label in task.labels if held[label] or not task.kind.exclusive)
    logits = np.full((len(texts), len(task.labels)), ABSENT, dtype=np.float32)
    columns = [task.labels.index(label) for label in known]
    if len(known) < 2:
        logits[:, columns] = 0.0
        return logits
    narrow = Task(task.kind, known, task.metric, task.seed)
    rows = Examples(train.texts, train.gold, task.kind.targets(train.gold, known))
    with TemporaryDirectory() as name:
        folder = Path(name)
        # the score that `fit` returns is not looked at: one row is enough for it
        fitted = model.fit(rows, pick(rows, np.arange(1)), narrow, folder, folder)
        logits[:, columns] = runtime.load(folder, fitted.candidates[0]).logits(texts)
    return logits
