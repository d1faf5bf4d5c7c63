"""Whether a probability means what it says: of the answers that are 80 % sure, are 80 % right?"""

from dataclasses import dataclass

import numpy as np


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
