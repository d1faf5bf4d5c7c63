"""Faster training steps on a CPU: same model, same loss, less time and memory. Importing this imports torch."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)


class Dropout(nn.Dropout):
    """Dropout that draws 16 random bits per value on a CPU, where torch draws a whole number at eight times the cost.

    Example:
        >>> drawn = Dropout(0.25)(torch.ones(1000, 1000))
        >>> sorted(set(drawn.flatten().tolist())), round(float(drawn.mean()), 2)
        ([0.0, 1.3333333730697632], 1.0)
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """Return the input with a share `p` of its values zeroed, scaled to the same mean; unchanged in evaluation."""
        if not self.training or not self.p or input.device.type != "cpu":
            return super().forward(input)
        words = torch.empty((input.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: input.numel()].view(input.shape)
        mask = bits >= round(self.p * 2**16) - 2**15
        return input * (mask / (1 - self.p)).to(input.dtype)


def fast_dropout(module: nn.Module) -> None:
    """Replace torch's dropout by this one, everywhere in a module."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))


class TrainedTokens(nn.Module):
    """The rows of an embedding that occur in training; the others need no gradient, no moments and no checkpoint."""

    def __init__(self, whole: nn.Embedding, ids: Tensor) -> None:
        super().__init__()
        places = torch.full((whole.num_embeddings,), len(ids))  # out of range, so that any other token raises an error
        places[ids] = torch.arange(len(ids))
        self.register_buffer("places", places, persistent=False)
        self.weight = nn.Parameter(whole.weight.detach()[ids].clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Return the vectors (..., D) of token ids."""
        return F.embedding(self.places[ids], self.weight)  # pyright: ignore[reportIndexIssue]


@contextmanager
def trained_tokens(encoder: nn.Module, rows: Iterable[Mapping[str, Any]]) -> Iterator[None]:
    """Restrict a pretrained encoder's embedding to the tokens of these rows, within the context; restore it afterwards.

    Most of a vocabulary is in no row, yet its zero gradients would be cleared, measured and applied at every step.
    """
    model: Any = getattr(encoder, "model", None)
    if model is None or not (whole := model.get_input_embeddings()).weight.requires_grad:
        yield
        return
    ids = torch.tensor(sorted({0, *chain.from_iterable(row["input_ids"] for row in rows)}))  # 0 is the padding
    part = TrainedTokens(whole, ids)
    vars(part.weight).update(vars(whole.weight))  # such as its learning rate
    model.set_input_embeddings(part)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[ids] = part.weight.to(whole.weight.device)
        model.set_input_embeddings(whole)
