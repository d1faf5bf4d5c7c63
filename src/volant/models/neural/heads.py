"""Heads of whole texts, and the net: hidden states in, outputs and a loss out. Importing this imports torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

from volant.kinds.outputs import IGNORED, LOGITS


@dataclass(frozen=True)
class HeadOptions:
    """Options of a head.

    Attributes:
        dropout: Share of the states dropped in training.
        weights: Weight of each label or class (L,), or None.
        smoothing: Share of probability spread over the other labels, for one label per text or token.
        pooling: Pooling of the states for an output of the whole text.
        crf: Learn the transitions between the classes of tokens.
    """

    dropout: float = 0.0
    weights: Tensor | None = None
    smoothing: float = 0.0
    pooling: str = "mean"
    crf: bool = False


class TextHead(nn.Module):
    """One linear layer over the pooled text; the kinds differ only in their loss.

    `axes` names the axes that vary of each output, for the export.

    Args:
        width: Size D of the states.
        outputs: Size of each output by name; one here, `logits` (B, L).
        options: Dropout, pooling, weights of labels.
    """

    def __init__(self, width: int, outputs: Mapping[str, int], options: HeadOptions) -> None:
        super().__init__()
        self.axes = {LOGITS: {0: "batch"}}
        self.dropout = nn.Dropout(options.dropout)
        self.linear = nn.Linear(width, outputs[LOGITS])
        self.options = options

    def forward(self, states: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return the logits (B, L) of states (B, T, D) with their mask (B, T)."""
        return self.of_pooled(pool(states, mask, self.options.pooling))

    def of_pooled(self, pooled: Tensor) -> dict[str, Tensor]:
        """Return the logits (B, L) of pooled states (B, D)."""
        return {LOGITS: self.linear(self.dropout(pooled))}

    def loss(self, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """Return the mean loss of a batch; targets are floats (B, L) for several labels per text, or integers (B,)."""
        logits = outputs[LOGITS]
        weights = None if self.options.weights is None else self.options.weights.to(logits.device)
        if targets.is_floating_point():
            return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        return F.cross_entropy(logits, targets, weight=weights, label_smoothing=self.options.smoothing)

    @staticmethod
    def stack(targets: Sequence[Any]) -> Any:
        """Return the targets of a batch: (B,) int64, or (B, L) float32."""
        return torch.as_tensor(np.array(targets))


class Net(nn.Module):
    """Encoder and head in one; every combination works."""

    def __init__(self, encoder: nn.Module, head: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Any = None,
        states: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the outputs of the head by name, after the loss if labels are given.

        Args:
            input_ids: Token ids, (B, T).
            attention_mask: 1 for tokens, 0 for padding, (B, T).
            labels: Targets as the head stacks them, or None.
            states: Stored outputs of the encoder's frozen layers, (B, T, D), or None.
        """
        stored = {} if states is None else {"states": states}
        encoded = self.encoder(input_ids, attention_mask, **stored)
        return with_loss(self.head, self.head(encoded, attention_mask), labels)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return one vector per text, (B, D)."""
        return pool(self.encoder(input_ids, attention_mask), attention_mask, self.head.options.pooling)


class HeadOnly(nn.Module):
    """A head over states that were computed once, for a frozen encoder."""

    def __init__(self, head: TextHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, pooled: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the logits (B, L), and the loss if labels are given."""
        return with_loss(self.head, self.head.of_pooled(pooled), labels)


def with_loss(head: Any, outputs: dict[str, Tensor], labels: Any) -> dict[str, Tensor]:
    """Return the outputs, after their loss if labels are given, as the training loop expects them.

    Args:
        head: The head.
        outputs: Its outputs by name.
        labels: Targets as the head stacks them, or None.
    """
    return outputs if labels is None else {"loss": head.loss(outputs, labels), **outputs}


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
