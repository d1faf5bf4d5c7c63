"""Calibration: the share of the predictions with a probability of 0.8 that are correct, which should be 80 %."""

from dataclasses import dataclass

import numpy as np

from volant.kinds.calibration import TINY


@dataclass(frozen=True)
class Reliability:
    """Predicted probability and observed share, in bins of equal width over 0 to 1; non-empty bins only.

    Attributes:
        confidence: Mean predicted probability in each bin.
        accuracy: Share of each bin that is correct.
        count: Number of predictions in each bin.
        error: Expected calibration error: mean distance of the two, weighted by count.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float


def reliability(claimed: np.ndarray, true: np.ndarray, bins: int = 15) -> Reliability:
    """Bin predictions by probability (Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3).

    Args:
        claimed: Predicted probabilities, (claims,).
        true: True where the prediction is correct, (claims,).
        bins: Number of bins.

    Example:
        >>> curve = reliability(np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, True, False]))
        >>> round(curve.error, 2), curve.count.tolist()
        (0.15, [4])
    """
    places = np.minimum((claimed.astype(np.float64) * bins).astype(int), bins - 1)
    count = np.bincount(places, minlength=bins)
    filled = count > 0
    count = count[filled]
    confidence = np.bincount(places, claimed, bins)[filled] / count
    accuracy = np.bincount(places, true, bins)[filled] / count
    share = count / max(len(claimed), 1)
    return Reliability(confidence, accuracy, count, float((share * abs(confidence - accuracy)).sum()))


def floor(claimed: np.ndarray, seed: int, samples: int = 100) -> float:
    """Return the calibration error of a perfect model with the same predicted probabilities.

    A bin with few rows has an error by chance alone, so the calibration error of few rows is biased upwards.

    Args:
        claimed: Predicted probabilities, (claims,).
        seed: Seed of the draws.
        samples: Number of draws whose mean is returned.

    Example:
        >>> 0.03 < floor(np.full(100, 0.8), seed=0) < 0.04
        True
    """
    draw = np.random.default_rng(seed)
    errors = [reliability(claimed, draw.random(len(claimed)) < claimed).error for _ in range(samples)]
    return float(np.mean(errors))


def proper_scores(scores: np.ndarray, gold: np.ndarray, exclusive: bool) -> dict[str, float]:
    """Return log loss and Brier score: unlike the calibration error, not binned, and lowest for the true probabilities.

    Args:
        scores: Probability of each label, (N, L).
        gold: 1 where it applies, else 0, (N, L).
        exclusive: True if each row has exactly one label; else each label is scored independently.

    Example:
        >>> proper_scores(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]), exclusive=True)["brier"]
        0.5
    """
    p = np.clip(scores.astype(np.float64), TINY, 1 - TINY)
    loss = gold * np.log(p) if exclusive else gold * np.log(p) + (1 - gold) * np.log1p(-p)
    square = (p - gold) ** 2
    count = len(gold) if exclusive else gold.size
    return {"log_loss": float(-loss.sum() / count), "brier": float(square.sum() / count)}
