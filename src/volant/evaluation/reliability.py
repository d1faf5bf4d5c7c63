"""Whether a probability means what it says: of the answers that are 80 % sure, are 80 % right?"""

from dataclasses import dataclass

import numpy as np

from volant.kinds.calibration import TINY


@dataclass(frozen=True)
class Reliability:
    """Claimed against seen, in bins of equal width over 0 to 1; only bins that hold anything.

    Attributes:
        confidence: Mean probability claimed in each bin.
        accuracy: Share of each bin that came true.
        count: Claims in each bin.
        error: Expected calibration error: mean distance of the two, weighted by count.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float


def reliability(claimed: np.ndarray, true: np.ndarray, bins: int = 15) -> Reliability:
    """Bin claims by probability (Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3).

    Args:
        claimed: Probabilities, (claims,).
        true: Whether each came true, (claims,).
        bins: Number of bins.

    Example:
        >>> found = reliability(np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, True, False]))
        >>> round(found.error, 2), found.count.tolist()
        (0.15, [4])
    """
    places = np.minimum((claimed.astype(np.float64) * bins).astype(int), bins - 1)
    count = np.bincount(places, minlength=bins)
    held = count > 0
    confidence = np.bincount(places, claimed, bins)[held] / count[held]
    accuracy = np.bincount(places, true, bins)[held] / count[held]
    share = count[held] / max(len(claimed), 1)
    return Reliability(confidence, accuracy, count[held], float((share * abs(confidence - accuracy)).sum()))


def floor(claimed: np.ndarray, seed: int, samples: int = 100) -> float:
    """Calibration error that a perfect model shows on as many claims: each comes true as often as it says.

    Few rows in a bin are off by chance alone, so the error of few rows is biased upwards.

    Args:
        claimed: Probabilities, (claims,).
        seed: Of the draws.
        samples: How many are averaged.

    Example:
        >>> 0.03 < floor(np.full(100, 0.8), seed=0) < 0.04
        True
    """
    draw = np.random.default_rng(seed)
    errors = [reliability(claimed, draw.random(len(claimed)) < claimed).error for _ in range(samples)]
    return float(np.mean(errors))


def proper_scores(scores: np.ndarray, gold: np.ndarray, exclusive: bool) -> dict[str, float]:
    """Log loss and Brier score: unlike the calibration error, no binning, and lowest for the true probabilities.

    Args:
        scores: Probability of each label, (N, L).
        gold: 1 where it holds, (N, L).
        exclusive: Whether one label holds in each row; else each cell is judged by itself.

    Example:
        >>> proper_scores(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]]), exclusive=True)["brier"]
        0.5
    """
    p = np.clip(scores.astype(np.float64), TINY, 1 - TINY)
    loss = gold * np.log(p) if exclusive else gold * np.log(p) + (1 - gold) * np.log1p(-p)
    square = (p - gold) ** 2
    per = len(gold) if exclusive else gold.size
    return {"log_loss": float(-loss.sum() / per), "brier": float(square.sum() / per)}
