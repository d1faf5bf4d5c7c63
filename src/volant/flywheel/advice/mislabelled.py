"""Likely label errors in train, by models that were fitted without the row.

Confident learning (Northcutt, Jiang & Chuang 2021, https://doi.org/10.1613/jair.1.12125): a row counts for another
label if its probability of that label is at least the mean that rows given this label get.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from volant.flywheel.advice.folds import folds
from volant.flywheel.advice.rows import refit
from volant.kinds import Calibration
from volant.models import Examples, Task
from volant.models.folds import pick
from volant.models.tfidf import Linear

FOLDS = 4
MOST_SUSPECTS = 20  # listed on the page


@dataclass(frozen=True)
class Suspect:
    """A row whose label is likely wrong: its position, label given and likely, and how much surer the likely one is."""

    row: int
    given: str
    likely: str
    margin: float


def confident(probabilities: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The label that each row most likely has, and how much more probable it is than the one given.

    Args:
        probabilities: Of each label by a model that has not seen the row, (N, L).
        given: The label that each row came with, (N,).

    Returns:
        Likely labels (N,), equal to `given` where nothing speaks against it; margins (N,), there 0.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
        >>> likely, margin = confident(sure, np.array([0, 0, 1, 1, 1]))
        >>> likely.tolist(), margin.round(2).tolist()
        ([0, 0, 1, 1, 0], [0.0, 0.0, 0.0, 0.0, 0.9])
    """
    labels = probabilities.shape[1]
    count = np.bincount(given, minlength=labels)
    own = np.bincount(given, probabilities[np.arange(len(given)), given], labels)
    threshold = np.where(count > 0, own / np.maximum(count, 1), np.inf)
    allowed = np.where(probabilities >= threshold, probabilities, -1.0)
    likely = np.where(allowed.max(axis=1) >= 0, allowed.argmax(axis=1), given)
    rows = np.arange(len(given))
    margin = probabilities[rows, likely] - probabilities[rows, given]
    return np.where(margin > 0, likely, given), np.maximum(margin, 0.0)


def out_of_fold(model: Linear, train: Examples, task: Task, units: np.ndarray, groups: np.ndarray) -> np.ndarray | None:
    """Probabilities (N, L) of each train row by a model fitted without its fold; None where there are no two folds.

    Args:
        model: Model that is fitted for each fold.
        train: Train rows (N).
        task: Kind, labels (L), metric, seed.
        units: Unit of each row (N,), which is never split.
        groups: Number of each row's stratum (N,).
    """
    logits = np.zeros((len(train.texts), len(task.labels)), dtype=np.float32)
    parts = folds(units, groups, FOLDS, task.seed)
    for held in parts:
        rest = np.setdiff1d(np.arange(len(logits)), held)
        logits[held] = refit(model, pick(train, rest), pick(train, held).texts, task)
    return task.kind.probabilities(logits, Calibration()) if parts else None


def suspects(probabilities: np.ndarray, train: Examples, task: Task) -> list[Suspect]:
    """Return likely label errors, the highest margin first; with several labels per row, each label alone.

    Args:
        probabilities: Probabilities (N, L) by models that have not seen the row.
        train: Train rows (N).
        task: Kind, labels (L), metric, seed.
    """
    if task.kind.exclusive:
        likely, margin = confident(probabilities, train.targets)
        found = [
            Suspect(int(k), task.labels[train.targets[k]], task.labels[likely[k]], float(margin[k]))
            for k in np.flatnonzero(likely != train.targets)
        ]
    else:
        found = [
            s for k in range(len(task.labels)) for s in _of_label(probabilities[:, k], train.targets[:, k], k, task)
        ]
    return sorted(found, key=lambda suspect: (-suspect.margin, suspect.row))


def _of_label(probability: np.ndarray, target: np.ndarray, label: int, task: Task) -> list[Suspect]:
    """Rows where one label of several is likely missing, or there and wrong."""
    holds = (target > 0).astype(int)
    likely, margin = confident(np.stack([1 - probability, probability], axis=1), holds)
    name = task.labels[label]
    words = (f"not {name}", name)
    return [
        Suspect(int(k), words[holds[k]], words[likely[k]], float(margin[k])) for k in np.flatnonzero(likely != holds)
    ]


def listed(found: list[Suspect], ids: list[str], texts: list[str], most: int) -> list[dict[str, Any]]:
    """The first of them with id, text, given and likely label.

    Args:
        found: Likely label errors, the highest margin first.
        ids: Id of each train row (N).
        texts: Text of each train row (N).
        most: Number of errors to list.
    """
    return [
        {"id": ids[s.row], "text": texts[s.row], "given": s.given, "likely": s.likely, "margin": round(s.margin, 4)}
        for s in found[:most]
    ]
