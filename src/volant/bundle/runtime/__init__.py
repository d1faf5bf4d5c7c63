"""Runtimes of a bundle's model: texts in, logits out; no training library is needed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from volant.errors import VolantError


class Runtime(Protocol):
    """A loaded model."""

    def logits(self, texts: Sequence[str]) -> Any:
        """Return the logits of cleaned texts (N), in order: (N, L) float32, or `TokenOutputs`."""
        ...


def load(folder: Path, runtime: Mapping[str, Any]) -> Runtime:
    """Load the model that a manifest's `runtime` section describes.

    Raises:
        VolantError: If its type is unknown to this version of Volant.
    """
    if runtime.get("type") == "linear":
        from volant.bundle.runtime.linear import LinearRuntime

        return LinearRuntime(folder, runtime)
    if runtime.get("type") == "onnx":
        from volant.bundle.runtime.onnx import OnnxRuntime

        return OnnxRuntime(folder, runtime)
    if runtime.get("type") == "blend":
        from volant.bundle.runtime.blend import BlendRuntime

        parts: Any = [load(folder, part) for part in runtime["parts"]]  # models of whole texts
        return BlendRuntime(parts, runtime["weights"])
    raise VolantError(
        f"{folder}: runtime type {runtime.get('type')!r} is unknown; allowed: linear, onnx, blend. Upgrade volant."
    )
