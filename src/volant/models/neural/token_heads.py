"""Heads with a class for each token: states in, logits and a loss out. Importing this imports torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

from volant.kinds.outputs import IGNORED, LENGTH, LOGITS, TEXT, TRANSITIONS
from volant.models.neural.heads import HeadOptions, pool


class TokenHead(nn.Module):
    """One linear layer over the states of each token, and with `crf` the transitions from class to class.

    With transitions the loss is that of a linear-chain conditional random field: Lafferty et al. 2001; for tags over a
    neural encoder, Lample et al. 2016, https://arxiv.org/abs/1603.01360

    Args:
        width: Size D of the states.
        outputs: Number C of classes by name of the output; one here.
        options: Dropout, weights of classes, smoothing, and whether there are transitions.
    """

    def __init__(self, width: int, outputs: Mapping[str, int], options: HeadOptions) -> None:
        super().__init__()
        ((self.name, classes),) = outputs.items()
        self.axes = {self.name: {0: "batch", 1: LENGTH}}
        self.dropout = nn.Dropout(options.dropout)
        self.linear = nn.Linear(width, classes)
        self.options = options
        self.transitions = nn.Parameter(torch.zeros(classes, classes)) if options.crf else None
        if options.crf:
            self.axes[TRANSITIONS] = {0: "batch"}

    def forward(self, states: Tensor, mask: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the logits (B, T, C) of states (B, T, D), and the transitions (B, C, C) if there are any.

        Args:
            states: Hidden states, (B, T, D).
            mask: Not used; outputs of padding are left out by the caller.
        """
        outputs = {self.name: self.linear(self.dropout(states))}
        if self.transitions is not None:
            outputs[TRANSITIONS] = self.transitions.expand(
                states.shape[0], -1, -1
            )  # len() would be a constant of the graph
        return outputs

    def loss(self, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """Return the mean loss of the tokens of a batch; targets are classes (B, T), or `IGNORED`."""
        logits = outputs[self.name]
        if self.transitions is not None:
            return chain_loss(logits.float(), targets, self.transitions)
        weights = None if self.options.weights is None else self.options.weights.to(logits.device)
        options = {"weight": weights, "ignore_index": IGNORED, "label_smoothing": self.options.smoothing}
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), **options)

    @staticmethod
    def stack(targets: Sequence[Any]) -> Tensor:
        """Return the targets of a batch, (B, T) int64, padded with `IGNORED`."""
        tensors = [torch.as_tensor(row) for row in targets]
        return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=IGNORED)


class JointHead(nn.Module):
    """A label of the text from its pooled states, and a class for each token, with the sum of both losses.

    Source: Chen et al. 2019, BERT for Joint Intent Classification and Slot Filling, https://arxiv.org/abs/1902.10909

    Args:
        width: Size D of the states.
        outputs: Number of labels of the text, `TEXT`, and number of classes of a token, `LOGITS`.
        options: Options of both parts.
    """

    def __init__(self, width: int, outputs: Mapping[str, int], options: HeadOptions) -> None:
        super().__init__()
        self.tokens = TokenHead(width, {LOGITS: outputs[LOGITS]}, options)
        self.axes = {TEXT: {0: "batch"}, **self.tokens.axes}
        self.dropout = nn.Dropout(options.dropout)
        self.text = nn.Linear(width, outputs[TEXT])
        self.options = options

    def forward(self, states: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return the logits of the text, (B, L), and those of its tokens, (B, T, C), of states (B, T, D)."""
        pooled = pool(states, mask, self.options.pooling)
        return {TEXT: self.text(self.dropout(pooled)), **self.tokens(states, mask)}

    def loss(self, outputs: Mapping[str, Tensor], targets: tuple[Tensor, Tensor]) -> Tensor:
        """Return the sum of both losses; targets are labels (B,) and classes of tokens (B, T)."""
        labels, classes = targets
        text = F.cross_entropy(outputs[TEXT], labels, label_smoothing=self.options.smoothing)
        return text + self.tokens.loss(outputs, classes)

    @staticmethod
    def stack(targets: Sequence[tuple[int, Any]]) -> tuple[Tensor, Tensor]:
        """Return the targets of a batch: labels (B,) int64, and classes of tokens (B, T) int64."""
        labels = torch.as_tensor([label for label, _ in targets])
        return labels, TokenHead.stack([classes for _, classes in targets])


def chain_loss(logits: Tensor, targets: Tensor, transitions: Tensor) -> Tensor:
    """Return the negative log-likelihood of the gold classes under a linear chain, a mean over tokens.

    A token without a class, such as the one at the start of a text, is taken as class 0.

    Args:
        logits: Logits of each class, (B, T, C).
        targets: Classes, (B, T); `IGNORED` after the end of a text.
        transitions: Score of each class (columns) after each other (rows), (C, C).
    """
    held = targets != IGNORED
    mask = held.flip(1).cummax(dim=1).values.flip(1)  # up to the last token that has a class
    gold = targets.clamp(min=0)
    own = logits.gather(2, gold.unsqueeze(2)).squeeze(2)
    moves = transitions[gold[:, :-1], gold[:, 1:]]
    score = (own * mask).sum(dim=1) + (moves * mask[:, 1:]).sum(dim=1)
    total = logits[:, 0]
    for step in range(1, logits.shape[1]):
        further = torch.logsumexp(total.unsqueeze(2) + transitions, dim=1) + logits[:, step]
        total = torch.where(mask[:, step].unsqueeze(1), further, total)
    return (torch.logsumexp(total, dim=1) - score).sum() / mask.sum().clamp(min=1)
