"""Heads: hidden states in, logits and a loss out. Importing this imports torch."""

from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

from volant.bundle.runtime.onnx import LENGTH
from volant.kinds.outputs import IGNORED


class TextHead(nn.Module):
    """One linear layer over the pooled text; the kinds differ only in their loss.

    `axes` names the axes of its output that vary, for the export.

    Args:
        width: Size D of the pooled states.
        labels: Size L of the label set.
        dropout: Share of the pooled states dropped in training.
        weights: Weight of each label (L,), or None.
        smoothing: Share of probability spread over the other labels, for one label per text.
    """

    axes = MappingProxyType({0: "batch"})

    def __init__(self, width: int, labels: int, dropout: float, weights: Tensor | None, smoothing: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, labels)
        self.smoothing = smoothing
        self.weights = weights

    def forward(self, pooled: Tensor) -> Tensor:
        """Return the logits (B, L) of pooled states (B, D)."""
        return self.linear(self.dropout(pooled))

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of a batch; targets are floats (B, L) for several labels per text, or integers (B,)."""
        weights = None if self.weights is None else self.weights.to(logits.device)
        if targets.is_floating_point():
            return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        return F.cross_entropy(logits, targets, weight=weights, label_smoothing=self.smoothing)


class TokenHead(TextHead):
    """The same layer over the states of each token, (B, T, D), which gives logits of its classes, (B, T, C)."""

    axes = MappingProxyType({0: "batch", 1: LENGTH})

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of the tokens of a batch; targets are classes (B, T), or `IGNORED`."""
        weights = None if self.weights is None else self.weights.to(logits.device)
        options = {"weight": weights, "ignore_index": IGNORED, "label_smoothing": self.smoothing}
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), **options)


HEADS = {"text": TextHead, "tokens": TokenHead}  # by the `head` of a kind


class Net(nn.Module):
    """Encoder, pooling and head in one; every combination works."""

    def __init__(self, encoder: nn.Module, head: TextHead, pooling: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.pooling = pooling

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
        states: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the logits (B, L) or (B, T, C), and the loss if labels are given.

        Args:
            input_ids: Token ids, (B, T).
            attention_mask: 1 for tokens, 0 for padding, (B, T).
            labels: Targets, (B,), (B, L) or (B, T), or None.
            states: Stored outputs of the encoder's frozen layers, (B, T, D), or None.
        """
        stored = {} if states is None else {"states": states}
        outputs = self.encoder(input_ids, attention_mask, **stored)
        if isinstance(self.head, TokenHead):
            return logits_and_loss(self.head, outputs, labels)
        return logits_and_loss(self.head, pool(outputs, attention_mask, self.pooling), labels)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return one vector per text, (B, D)."""
        return pool(self.encoder(input_ids, attention_mask), attention_mask, self.pooling)


class HeadOnly(nn.Module):
    """A head over states that were computed once, for a frozen encoder."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, pooled: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the logits (B, L), and the loss if labels are given."""
        return logits_and_loss(self.head, pooled, labels)


def logits_and_loss(head: Any, states: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """Return logits and loss as the training loop expects them.

    Args:
        head: The head.
        states: Pooled states, (B, D), or those of each token, (B, T, D).
        labels: Targets, (B,), (B, L) or (B, T), or None.
    """
    logits = head(states)
    return {"logits": logits} if labels is None else {"loss": head.loss(logits, labels), "logits": logits}


def pool(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """Pool states (B, T, D) to one vector per text (B, D).

    Args:
        states: Hidden states, (B, T, D).
        mask: 1 for tokens, 0 for padding, (B, T).
        pooling: `mean` or `max` of the real tokens, `cls` (first token) or `last`.

    Example:
        >>> states = torch.tensor([[[1.0], [3.0], [9.0]]])
        >>> pool(states, torch.tensor([[1, 1, 0]]), "mean").tolist()
        [[2.0]]
    """
    weights = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "mean":
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
    if pooling == "max":
        return states.masked_fill(weights == 0, -1e4).amax(dim=1)
    if pooling == "last":
        last = (mask.sum(dim=1) - 1).clamp(min=0)
        return states.gather(1, last[:, None, None].expand(-1, 1, states.shape[-1])).squeeze(1)
    return states[:, 0]


def class_weights(targets: Tensor, classes: int = 0) -> Tensor:
    """Return weights (L,) that give rare labels the same influence as frequent ones.

    One label per text or token: N / (L x rows of the label), as scikit-learn's `balanced`. Several: the square root of
    negatives / positives, at most 10, since beyond that a handful of rows dominate training.

    Args:
        targets: (N,) int64, `IGNORED` where there is none; or for several labels (N, L) float32.
        classes: Number of classes, for the first; by default the largest one decides.
    """
    if targets.is_floating_point():
        positives = targets.sum(dim=0).clamp(min=1.0)
        return ((len(targets) - positives) / positives).sqrt().clamp(max=10.0)
    known = targets[targets != IGNORED]
    counts = torch.bincount(known, minlength=classes).clamp(min=1)
    return len(known) / (len(counts) * counts.float())
