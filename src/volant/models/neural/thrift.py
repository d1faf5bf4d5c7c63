"""What a training step on a CPU need not spend: same model, same loss, less time. Importing this imports torch."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)


class Dropout(nn.Dropout):
    """Dropout that draws 16 random bits a value on a CPU, where torch draws a whole number at eight times the cost.

    Example:
        >>> drawn = Dropout(0.25)(torch.ones(1000, 1000))
        >>> sorted(set(drawn.flatten().tolist())), round(float(drawn.mean()), 2)
        ([0.0, 1.3333333730697632], 1.0)
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """The input, without a share `p` of its values and scaled to the same mean; in evaluation as it is."""
        if not self.training or not self.p or input.device.type != "cpu":
            return super().forward(input)
        words = torch.empty((input.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: input.numel()].view(input.shape)
        kept = bits >= round(self.p * 2**16) - 2**15
        return input * (kept / (1 - self.p)).to(input.dtype)


def quicken(module: nn.Module) -> None:
    """Put this dropout in the place of torch's, everywhere inside."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p))


class Seen(nn.Module):
    """The rows of an embedding that some tokens use; the others need no gradient, no moments and no checkpoint."""

    def __init__(self, whole: nn.Embedding, ids: Tensor) -> None:
        super().__init__()
        places = torch.full((whole.num_embeddings,), len(ids))  # beyond the end: another token is an error, not noise
        places[ids] = torch.arange(len(ids))
        self.register_buffer("places", places, persistent=False)
        self.weight = nn.Parameter(whole.weight.detach()[ids].clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors (..., D) of token ids."""
        return F.embedding(self.places[ids], self.weight)  # pyright: ignore[reportIndexIssue]


@contextmanager
def seen_tokens(encoder: nn.Module, rows: Iterable[Mapping[str, Any]]) -> Iterator[None]:
    """Within, a pretrained encoder has an embedding of these rows' tokens alone; afterwards its own again.

    Most of a vocabulary is in no row, yet its zero gradients would be cleared, measured and applied at every step.
    """
    model: Any = getattr(encoder, "model", None)
    if model is None or not (whole := model.get_input_embeddings()).weight.requires_grad:
        yield
        return
    ids = torch.tensor(sorted({0, *chain.from_iterable(row["input_ids"] for row in rows)}))  # 0 fills a batch up
    part = Seen(whole, ids)
    vars(part.weight).update(vars(whole.weight))  # such as its rate of learning
    model.set_input_embeddings(part)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[ids] = part.weight.to(whole.weight.device)
        model.set_input_embeddings(whole)
