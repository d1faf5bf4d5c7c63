"""Ways to run a model from the files of a bundle: texts in, logits out; no training library is needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from volant.errors import VolantError


class Runtime(Protocol):
    """A loaded model."""

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, L) float32 of cleaned texts (N), in their order."""
        ...


def load(folder: Path, runtime: Mapping[str, Any]) -> Runtime:
    """Load the model that a manifest's `runtime` section describes.

    Raises:
        VolantError: If its type is not known to this version of Volant.
    """
    if runtime.get("type") == "linear":
        from volant.bundle.runtime.linear import LinearRuntime

        return LinearRuntime(folder, runtime)
    if runtime.get("type") == "onnx":
        from volant.bundle.runtime.onnx import OnnxRuntime

        return OnnxRuntime(folder, runtime)
    if runtime.get("type") == "blend":
        from volant.bundle.runtime.blend import BlendRuntime

        return BlendRuntime([load(folder, part) for part in runtime["parts"]], runtime["weights"])
    raise VolantError(
        f"{folder}: runtime type {runtime.get('type')!r} is unknown; allowed: linear, onnx, blend. Upgrade volant."
    )
