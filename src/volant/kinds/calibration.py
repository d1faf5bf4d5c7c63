"""Calibration of raw scores into probabilities and decisions; fitted on validation, stored in the bundle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volant.kinds.record import Annotation

# a few separable validation rows must not make every prediction 100 % confident
LOWEST = 0.1
HIGHEST = 10.0
# A temperature fitted on fewer rows than FEW may be chance: a normal prior with this spread of its logarithm applies.
# Calibration error without, fitted, with prior: tweets on 10 rows 0.08, 0.11, 0.09; 7 intents on 5 0.34, 0.09, 0.10.
FEW = 20
SPREAD = 0.7
LINE_SPREAD = np.array([0.5, 1.0])  # prior spread of a label's slope around 1 and of its offset around 0
DIGITS = 6  # decimals of a probability in a response
TINY = 1e-12  # lower bound of a probability before its logarithm


@dataclass(frozen=True)
class Calibration:
    """Parameters that turn logits into probabilities and predictions.

    Attributes:
        temperature: Divides the logits: above 1 for an over-confident model, below 1 for an under-confident one.
        thresholds: Probability from which each label is predicted (multilabel), (L,); 0.5 where empty.
        slopes: Factor of each label's logits (multilabel), (L,); 1 where empty.
        offsets: Added to each label's logits afterwards, (L,); 0 where empty.
    """

    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()


def fit_temperature(loss: Callable[[float], float], rows: int) -> float:
    """Return the temperature at which a loss on validation is lowest, from 0.1 to 10.

    With fewer rows than `FEW`, a temperature further from 1 needs stronger evidence. All labels share one number, so
    that their order, and with it accuracy, does not change (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Args:
        loss: Mean negative log-likelihood of validation as a function of the temperature.
        rows: Number of validation rows.

    Example:
        >>> round(fit_temperature(lambda t: (t - 2) ** 2, rows=20), 2)
        2.0
        >>> round(fit_temperature(lambda t: (t - 2) ** 2, rows=1), 2)
        1.68
    """
    from scipy.optimize import minimize_scalar

    pull = 1 / (2 * SPREAD**2 * rows) if rows < FEW else 0.0

    # over the logarithm, so that 0.5 and 2 are equally far from 1
    def cost(logarithm: float) -> float:
        return loss(float(np.exp(logarithm))) + pull * logarithm**2

    bounds = (float(np.log(LOWEST)), float(np.log(HIGHEST)))
    optimum: Any = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    best = round(float(np.exp(optimum.x)), 4)
    return best if cost(float(np.log(best))) < cost(0.0) else 1.0


def fit_lines(logits: np.ndarray, targets: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fit the slope and offset of each label, both (L,), that make its targets most likely.

    Class weights shift each label by its own rarity, which no shared temperature can correct. This is Platt scaling
    (Platt 1999; Niculescu-Mizil & Caruana 2005, https://doi.org/10.1145/1102351.1102430) with a normal prior around
    slope 1 and offset 0, with the weight of about one positive row.

    Args:
        logits: Logits divided by the shared temperature, (N, L).
        targets: 1 where a label applies, else 0, (N, L).
    """
    from scipy.optimize import minimize

    slopes = []
    offsets = []
    bounds = [(LOWEST, HIGHEST), (None, None)]
    for x, y in zip(logits.T.astype(np.float64), targets.T.astype(np.float64), strict=True):
        optimum: Any = minimize(_line_cost, (1.0, 0.0), (x, y), "L-BFGS-B", jac=True, bounds=bounds)
        slopes.append(round(float(optimum.x[0]), 4))
        offsets.append(round(float(optimum.x[1]), 4))
    return tuple(slopes), tuple(offsets)


def _line_cost(line: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the negative log-likelihood of one label plus that of the prior, and the gradient (2,)."""
    from scipy.special import expit

    logits = line[0] * x + line[1]
    pull = (line - (1.0, 0.0)) / LINE_SPREAD**2
    wrong = expit(logits) - y
    cost = (np.logaddexp(0, logits) - y * logits).sum() + (pull * (line - (1.0, 0.0))).sum() / 2
    return float(cost), np.array([(wrong * x).sum(), wrong.sum()]) + pull


def expit(logits: np.ndarray) -> np.ndarray:
    """Return the sigmoid of logits; safe for large ones, and without scipy, which a service does not load.

    Example:
        >>> expit(np.array([0.0, 1000.0, -1000.0])).tolist()
        [0.5, 1.0, 0.0]
    """
    return np.exp(-np.logaddexp(0, -logits))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the softmax of each row, (N, L) float64; safe for large logits."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def score_matrix(annotations: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray | None:
    """Return the probability of every label, (N, L) float64; None if an annotation has no scores.

    Example:
        >>> score_matrix([Annotation(label="a", scores={"a": 0.75, "b": 0.25})], ["a", "b"]).tolist()
        [[0.75, 0.25]]
    """
    if not annotations or any(not a.scores for a in annotations):
        return None
    return np.array([_row(a, labels) for a in annotations], dtype=np.float64)


def _row(annotation: Annotation, labels: Sequence[str]) -> list[float]:
    return [annotation.scores.get(label, 0.0) for label in labels]
