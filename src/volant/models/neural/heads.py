"""Heads: hidden states in, logits and a loss out. A new kind of task is a new head. Importing this imports torch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)


class TextHead(nn.Module):
    """One linear layer over the pooled text; the kinds differ only in their loss.

    Args:
        width: Size D of the pooled states.
        labels: Size L of the label set.
        dropout: Share of the pooled states dropped in training.
        weights: Weight of each label (L,), or None.
        smoothing: Share of probability spread over the other labels, for one label per text.
    """

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
        """Return the logits (B, L), and the loss if labels are given.

        Args:
            input_ids: Token ids, (B, T).
            attention_mask: 1 for tokens, 0 for padding, (B, T).
            labels: Targets, (B,) or (B, L), or None.
            states: Stored outputs of the encoder's frozen layers, (B, T, D), or None.
        """
        return logits_and_loss(self.head, self.pooled(input_ids, attention_mask, states), labels)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor, states: Tensor | None = None) -> Tensor:
        """Return one vector per text, (B, D).

        Args:
            input_ids: Token ids, (B, T).
            attention_mask: 1 for tokens, 0 for padding, (B, T).
            states: Stored outputs of the encoder's frozen layers, (B, T, D), or None.
        """
        stored = {} if states is None else {"states": states}
        return pool(self.encoder(input_ids, attention_mask, **stored), attention_mask, self.pooling)


class HeadOnly(nn.Module):
    """A head over states that were computed once, for a frozen encoder."""

    def __init__(self, head: TextHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, pooled: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the logits (B, L), and the loss if labels are given."""
        return logits_and_loss(self.head, pooled, labels)


def logits_and_loss(head: TextHead, pooled: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    """Return logits and loss as the training loop expects them.

    Args:
        head: The head.
        pooled: Pooled states, (B, D).
        labels: Targets, (B,) or (B, L), or None.
    """
    logits = head(pooled)
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


def class_weights(targets: Tensor) -> Tensor:
    """Return weights (L,) that give rare labels the same influence as frequent ones.

    One label per text: N / (L x rows of the label), as scikit-learn's `balanced`. Several: the square root of negatives
    / positives, at most 10, since beyond that a handful of rows dominate training.
    """
    if targets.is_floating_point():
        positives = targets.sum(dim=0).clamp(min=1.0)
        return ((len(targets) - positives) / positives).sqrt().clamp(max=10.0)
    counts = torch.bincount(targets).clamp(min=1)
    return len(targets) / (len(counts) * counts.float())
