"""Two models as one: n-grams beside an encoder, their logits added."""

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
    """Add another model to a fitted one: an encoder knows what words mean, n-grams how just this task is worded.

    Args:
        fitted: The model; no candidates if another process of torchrun writes them.
        other: What is added, fitted on the same rows.
        validation: Rows that weigh the two.
        task: Kind, labels, metric, seed.
        folder: Where the files of both are.
        weights: Of the two; found on validation by default.

    Returns:
        The same, each candidate with the other model's first one added.
    """
    if not fitted.candidates:
        return fitted
    second = dict(other.candidates[0])
    if weights is None:
        parts = [load(folder, part).logits(validation.texts) for part in (fitted.candidates[0], second)]
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
    """The weights, none below 0, at which the sum of logits (N, L) makes validation's gold most likely.

    They come to 1: how sure to be is left to the temperature, which is bounded. Where all are best at 0, since
    validation is tiny and no part knows more than chance, the first part stands alone.

    Source: Breiman 1996, Stacked Regressions, https://doi.org/10.1007/BF00117832
    """
    weights, _ = stack(parts, targets, task)
    return weights


def stack(parts: Sequence[np.ndarray], targets: np.ndarray, task: Task, pull: float = 0.0) -> tuple[list[float], float]:
    """As `weigh`, with the mean negative log-likelihood that the best sum has, before it is brought to weights of 1.

    Args:
        parts: Logits (N, L) of each model.
        targets: Gold of the rows.
        task: Kind, labels, metric, seed.
        pull: Rows that a plain sum counts for: so few rows can't make one part the only one by luck.
    """
    from scipy.optimize import minimize

    def cost(weights: np.ndarray) -> float:
        likely = task.kind.loss(np.tensordot(weights, np.stack(parts), axes=1), targets)
        return likely + pull / len(targets) * float(((weights - 1) ** 2).sum())

    found: Any = minimize(cost, np.ones(len(parts)), bounds=[(0.0, None)] * len(parts))
    best = np.asarray(found.x) if found.x.any() else np.eye(len(parts))[0]
    return [round(float(weight), 4) for weight in best / best.sum()], float(found.fun)
