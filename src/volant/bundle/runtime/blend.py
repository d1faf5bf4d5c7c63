"""Runs several models and adds their logits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from volant.bundle.runtime import load


class BlendRuntime:
    """A weighted sum of models."""

    def __init__(self, folder: Path, runtime: Mapping[str, Any]) -> None:
        self._parts = [load(folder, part) for part in runtime["parts"]]
        self._weights = np.array(runtime["weights"], dtype=np.float32)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, L) of cleaned texts."""
        return np.tensordot(self._weights, np.stack([part.logits(texts) for part in self._parts]), axes=1)
