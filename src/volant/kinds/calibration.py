"""What turns raw scores into probabilities and decisions; fitted on validation, stored in the bundle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volant.kinds.record import Annotation

LOWEST, HIGHEST = 0.1, 10.0  # a few separable validation rows must not make every answer 100 % sure
# A temperature fitted on fewer rows than FEW may be luck, so it is held near 1, as if its logarithm had this spread.
# Calibration error with none, fitted freely, held: tweets on 10 rows 0.08, 0.11, 0.09; 7 intents on 5 0.34, 0.09, 0.10.
FEW, SPREAD = 20, 0.7
LINE_SPREAD = np.array([0.5, 1.0])  # of the slope and the offset of a label around 1 and 0
DIGITS = 6  # of a probability in an answer
TINY = 1e-12  # what a probability is at least, where its logarithm is taken


@dataclass(frozen=True)
class Calibration:
    """How raw scores are read.

    Attributes:
        temperature: Divides the logits: above 1 for an over-confident model, below 1 for a timid one.
        thresholds: Probability from which each label holds (multilabel); 0.5 where empty.
        slopes: What the logits of each label are multiplied by as well (multilabel); 1 where empty.
        offsets: What is then added to them; 0 where empty.
    """

    temperature: float = 1.0
    thresholds: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()


def fit_temperature(loss: Callable[[float], float], rows: int) -> float:
    """The temperature at which `loss` (the mean negative log-likelihood of `rows` of validation) is lowest.

    Fewer rows than `FEW` must speak the clearer the further it is from 1. One number for all labels, so that the
    order of the answers, and with it accuracy, stays (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Example:
        >>> round(fit_temperature(lambda t: (t - 2) ** 2, rows=20), 2)
        2.0
        >>> round(fit_temperature(lambda t: (t - 2) ** 2, rows=1), 2)
        1.68
    """
    from scipy.optimize import minimize_scalar

    pull = 1 / (2 * SPREAD**2 * rows) if rows < FEW else 0.0

    # over the logarithm, because half as sure and twice as sure are equally far from 1
    def cost(logarithm: float) -> float:
        return loss(float(np.exp(logarithm))) + pull * logarithm**2

    bounds = (float(np.log(LOWEST)), float(np.log(HIGHEST)))
    found: Any = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    best = round(float(np.exp(found.x)), 4)
    return best if cost(float(np.log(best))) < cost(0.0) else 1.0


def fit_lines(logits: np.ndarray, targets: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fit the slope and offset of each label (L,) that make its targets most likely, near 1 and 0 where rows are few.

    Class weights shift each label by its own rarity, which no temperature takes back. Platt scaling (Platt 1999;
    Niculescu-Mizil & Caruana 2005, https://doi.org/10.1145/1102351.1102430) with a normal prior, worth about one
    positive row.

    Args:
        logits: Divided by the shared temperature, (N, L).
        targets: 1 where a label holds, (N, L).
    """
    from scipy.optimize import minimize

    slopes, offsets = [], []
    bounds = [(LOWEST, HIGHEST), (None, None)]
    for x, y in zip(logits.T.astype(np.float64), targets.T.astype(np.float64), strict=True):
        found: Any = minimize(_line_cost, (1.0, 0.0), (x, y), "L-BFGS-B", jac=True, bounds=bounds)
        slopes.append(round(float(found.x[0]), 4))
        offsets.append(round(float(found.x[1]), 4))
    return tuple(slopes), tuple(offsets)


def _line_cost(line: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Negative log-likelihood of one label plus that of the prior, and its gradient."""
    from scipy.special import expit

    logits = line[0] * x + line[1]
    pull = (line - (1.0, 0.0)) / LINE_SPREAD**2
    wrong = expit(logits) - y
    cost = (np.logaddexp(0, logits) - y * logits).sum() + (pull * (line - (1.0, 0.0))).sum() / 2
    return float(cost), np.array([(wrong * x).sum(), wrong.sum()]) + pull


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax of each row, in float64, safe for large logits."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def score_matrix(annotations: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray | None:
    """The probabilities of every label, (rows, labels); None where an annotation carries none.

    Example:
        >>> score_matrix([Annotation(label="a", scores={"a": 0.75, "b": 0.25})], ["a", "b"]).tolist()
        [[0.75, 0.25]]
    """
    if not annotations or any(not a.scores for a in annotations):
        return None
    return np.array([[a.scores.get(label, 0.0) for label in labels] for a in annotations], dtype=np.float64)
