"""Runtime of a blend: a weighted sum of the logits of several models."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Part(Protocol):
    """A loaded model."""

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits (N, L) of cleaned texts (N)."""
        ...


class BlendRuntime:
    """A weighted sum of models.

    Args:
        parts: The models.
        weights: Weight of the logits of each part, in the order of the parts.
    """

    def __init__(self, parts: Sequence[Part], weights: Sequence[float]) -> None:
        self._parts = parts
        self._weights = np.array(weights, dtype=np.float32)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logits (N, L) of cleaned texts (N)."""
        return np.tensordot(self._weights, np.stack([part.logits(texts) for part in self._parts]), axes=1)
