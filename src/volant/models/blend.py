"""A blend of two models: n-grams and an encoder, their logits added."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from volant.bundle.runtime import load
from volant.models import Examples, Fitted, Task


def beside(
    fitted: Fitted,
    other: Fitted,
    validation: Examples,
    task: Task,
    folder: Path,
    weights: Sequence[float] | None = None,
) -> Fitted:
    """Add another model's logits to each candidate of a fitted one, and return the result.

    An encoder captures the meaning of words, n-grams the wording of this task.

    Args:
        fitted: The model; without candidates if another process of torchrun writes them.
        other: The model to add, fitted on the same rows.
        validation: Rows on which the weights are fitted.
        task: Kind, labels, metric, seed.
        folder: Folder of the files of both.
        weights: Weights of the two; fitted on validation by default.
    """
    if not fitted.candidates:
        return fitted
    second = dict(other.candidates[0])
    if weights is None:
        parts: Any = [load(folder, part).logits(validation.texts) for part in (fitted.candidates[0], second)]
        weights = weigh(parts, validation.targets, task)
    candidates = (
        {
            "type": "blend",
            "precision": first["precision"],
            "max_length": first.get("max_length"),
            "weights": list(weights),
            "parts": [dict(first), second],
            "files": [*first["files"], *second["files"]],
        }
        for first in fitted.candidates
    )
    return replace(fitted, candidates=tuple(candidates))


def weigh(parts: Sequence[np.ndarray], targets: np.ndarray, task: Task) -> list[float]:
    """Return the weights, (parts,), none negative, whose sum of logits makes validation's gold most likely.

    They add up to 1: confidence is left to the temperature, which is bounded. If all are best at 0, since validation is
    tiny and no part beats chance, the first part gets all the weight.

    Args:
        parts: Logits (N, L) of each model.
        targets: Targets of the rows.
        task: Kind, labels, metric, seed.

    Source: Breiman 1996, Stacked Regressions, https://doi.org/10.1007/BF00117832
    """
    return normalised(stack(parts, targets, task))


def normalised(weights: np.ndarray) -> list[float]:
    """Return weights that add up to 1.

    Example:
        >>> normalised(np.array([3.0, 1.0]))
        [0.75, 0.25]
    """
    return [round(float(weight), 4) for weight in weights / weights.sum()]


def stack(parts: Sequence[np.ndarray], targets: np.ndarray, task: Task, pull: float = 0.0) -> np.ndarray:
    """Return the weights, (parts,), none negative, whose sum of logits makes the targets most likely.

    Args:
        parts: Logits (N, L) of each model.
        targets: Targets of the rows.
        task: Kind, labels, metric, seed.
        pull: Weight in rows of a prior around weights of 1, so that few rows can't single out one part by chance.
    """
    from scipy.optimize import minimize

    def cost(weights: np.ndarray) -> float:
        likely = task.kind.loss(np.tensordot(weights, np.stack(parts), axes=1), targets)
        return likely + pull / len(targets) * float(((weights - 1) ** 2).sum())

    optimum: Any = minimize(cost, np.ones(len(parts)), bounds=[(0.0, None)] * len(parts))
    return np.asarray(optimum.x) if optimum.x.any() else np.eye(len(parts))[0]
