"""Frozen lower layers, computed once: each epoch starts from their outputs. Importing this imports torch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from volant.bundle.runtime.onnx import batches
from volant.models.neural.batches import pad_rows
from volant.models.neural.encoders import BERTS, TransformerEncoder, layers_of
from volant.models.neural.progress import bar

MOST_BYTES = 2**31  # of stored outputs; above, the frozen layers are computed in each epoch
BATCH_TOKENS = 2048


class StoredOutputs(nn.Module):
    """The first layer of a shortened stack: its output is that of the frozen layers, stored for the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.states: Tensor | None = None

    def forward(self, _embedded: Tensor, *_: Any, **__: Any) -> Tensor | None:
        """Return the stored states (B, T, D), whatever the input."""
        return self.states


def frozen_layers(encoder: nn.Module, tokens: int) -> int:
    """Return the number of lowest layers whose outputs are to be stored: those that never change, with the embeddings.

    It is 0 for architectures other than BERT's, and where the outputs would not fit into memory.

    Args:
        encoder: The encoder.
        tokens: Number of tokens of all rows.
    """
    if not isinstance(encoder, TransformerEncoder) or encoder.model.config.model_type not in BERTS:
        return 0
    if tokens * encoder.width * np.dtype(np.float16).itemsize > MOST_BYTES or _is_trained(encoder.model.embeddings):
        return 0
    layers = stack_of(encoder)
    trained = [number for number, layer in enumerate(layers) if _is_trained(layer)]
    return trained[0] if trained else 0


def outputs(encoder: Any, ids: Sequence[Sequence[int]], count: int, bf16: bool) -> list[np.ndarray]:
    """Return the states (T, D) of each row after the first layers, in half precision and without dropout.

    Args:
        encoder: The encoder; it is left in evaluation mode.
        ids: Token ids of each row.
        count: Number of layers to compute.
        bf16: Multiply in bfloat16, as training does.
    """
    ends = np.cumsum([0, *(len(row) for row in ids)])
    states = np.empty((ends[-1], encoder.width), dtype=np.float16)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder.to(device).eval()
    progress_bar = bar(len(ids), "frozen layers", "text")
    with progress_bar, shortened(encoder, stack_of(encoder)[:count]), torch.inference_mode():
        for rows in batches(np.diff(ends), BATCH_TOKENS):
            batch = pad_rows(ids, rows, device)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                computed = encoder(**batch).half().cpu().numpy()
            for row, values in zip(rows, computed, strict=True):
                states[ends[row] : ends[row + 1]] = values[: len(ids[row])]
            progress_bar.update(len(rows))
    return [states[start:end] for start, end in pairwise(ends)]


@contextmanager
def from_stored(encoder: Any, count: int) -> Iterator[None]:
    """Start the encoder from stored outputs, `states` of its `forward`, in place of its first layers.

    Args:
        encoder: The encoder.
        count: Number of layers whose outputs are stored; 0 changes nothing.
    """
    if not count:
        yield
        return
    encoder.stored = StoredOutputs()
    try:
        with shortened(encoder, [encoder.stored, *stack_of(encoder)[count:]]):
            yield
    finally:
        encoder.stored = None


@contextmanager
def shortened(encoder: Any, layers: Sequence[nn.Module] | nn.ModuleList) -> Iterator[None]:
    """Run these layers in place of the encoder's own, within the context."""
    stack = stack_of(encoder)
    own = list(stack)
    chosen = list(layers)
    del stack[:]
    stack.extend(chosen)
    try:
        yield
    finally:
        del stack[:]
        stack.extend(own)


def stack_of(encoder: Any) -> nn.ModuleList:
    """Return the encoder's stack of layers."""
    return layers_of(encoder.model, "model.trainable to 'all'")


def _is_trained(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())
