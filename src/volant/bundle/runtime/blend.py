"""Runs several models and adds their logits."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Part(Protocol):
    """A loaded model."""

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Return logits (N, L) of cleaned texts (N)."""
        ...


class BlendRuntime:
    """A weighted sum of models.

    Args:
        parts: The models.
        weights: What the logits of each are multiplied by, in the order of the parts.
    """

    def __init__(self, parts: Sequence[Part], weights: Sequence[float]) -> None:
        self._parts = parts
        self._weights = np.array(weights, dtype=np.float32)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, L) of cleaned texts."""
        return np.tensordot(self._weights, np.stack([part.logits(texts) for part in self._parts]), axes=1)
