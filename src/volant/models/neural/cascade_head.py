"""A head that finds the first part of a pair, then the second ones of each (CasRel). Importing this imports torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

from volant.kinds.outputs import CANDIDATES, CELLS
from volant.models.neural.heads import HeadOptions
from volant.models.neural.pair_heads import HIDDEN, KEPT, PairHead, best_parts, candidate_loss, tokens
from volant.models.neural.pair_scores import NEVER

FIRSTS = 12  # likeliest first parts that are read on; texts of WebNLG, NYT and DuIE have at most 11
SECONDS = 24  # likeliest beginnings of a second part, for each of them
BIAS = -4.0  # first logit: hardly any token begins or ends a part
LOWEST = -25.0  # logarithm of a probability below which it is none


class CascadeHead(nn.Module):
    """Beginnings and ends of first parts, then for each class those of the second parts that belong to one.

    In training, a gold first part is drawn for each text. Else the likeliest ones are read on inside of the graph.

    Args:
        width: Size D of the states.
        outputs: Number C of classes of a pair; one output here.
        options: Dropout.

    Source: CasRel, Wei et al. 2020, https://arxiv.org/abs/1909.03227
    """

    def __init__(self, width: int, outputs: Mapping[str, int], options: HeadOptions) -> None:
        super().__init__()
        (self.classes,) = outputs.values()
        self.axes = {CANDIDATES: {0: "batch", 1: CELLS}}
        self.dropout = nn.Dropout(options.dropout)
        self.firsts = nn.Linear(width, 2)
        self.seconds = nn.Linear(width, 2 * self.classes)
        for linear in (self.firsts, self.seconds):
            nn.init.constant_(linear.bias, BIAS)
        self.options = options

    def forward(self, states: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return the candidates (B, K, 6) of states (B, T, D); in training, the states for the loss.

        Args:
            states: Hidden states, (B, T, D).
            mask: 1 for tokens, 0 for padding, (B, T).
        """
        if self.training:
            return dict(zip(HIDDEN, (self.dropout(states), mask), strict=True))
        left = masked(self.firsts(states).transpose(1, 2), mask)
        first, first_ends = best_parts(part_scores(left), FIRSTS)
        scores, places, ends = self._best_seconds(states, mask, first_ends)
        values, chosen = (first[:, :, None] + scores).flatten(1).topk(KEPT)
        part = torch.div(chosen, SECONDS, rounding_mode="floor")
        begins = places.flatten(1).gather(1, chosen)
        length = states.shape[1]
        columns = [
            torch.div(begins, length, rounding_mode="floor"),
            *(end.gather(1, part) for end in first_ends),
            torch.remainder(begins, length),
            ends.flatten(1).gather(1, chosen),
            logit(values),
        ]
        return {CANDIDATES: torch.stack([column.float() for column in columns], dim=2)}

    def _best_seconds(self, states: Tensor, mask: Tensor, ends: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return score, class x T + first token, and last token of the likeliest second parts, (B, P, Q) each."""
        logits = self.second_logits(states, ends)  # (B, P, 2, C, T)
        logits = masked(logits, mask[:, None, None])
        begins = F.logsigmoid(logits[:, :, 0]).flatten(2)
        begins = F.pad(begins, (0, SECONDS), value=NEVER)  # few classes of a short text have fewer tokens
        scores, places = begins.topk(SECONDS, dim=2)
        places = torch.where(scores > NEVER, places, torch.zeros_like(places))
        length = states.shape[1]
        rows = torch.div(places, length, rounding_mode="floor")[..., None].expand(-1, -1, -1, length)
        own = logits[:, :, 1].gather(2, rows)  # the ends of the same class, (B, P, Q, T)
        after = end_scores(own, torch.remainder(places, length))
        best, ends_of = after.topk(1, dim=3)  # not `max`: with it, the optimizer would fuse no attention
        return scores + best[..., 0], places, ends_of[..., 0]

    def second_logits(self, states: Tensor, ends: tuple[Tensor, Tensor]) -> Tensor:
        """Return the logits (B, P, 2, C, T) of beginnings and ends of second parts.

        Args:
            states: Hidden states, (B, T, D).
            ends: First and last tokens of first parts, (B, P) each.
        """
        part = (tokens(states, ends[0]) + tokens(states, ends[1])) / 2
        logits = self.seconds(states[:, None] + part[:, :, None]).float()
        batch, parts, length, _ = logits.shape
        return logits.view(batch, parts, length, 2, self.classes).permute(0, 1, 3, 4, 2)

    def loss(self, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """Return the sum of both binary losses in training, a mean over texts; else that of the candidates.

        Args:
            outputs: Outputs of `forward`.
            targets: Gold pairs, (B, M, 5), each a class and four tokens; -1 after the last.
        """
        if CANDIDATES in outputs:
            return candidate_loss(outputs[CANDIDATES], targets)
        states, mask = (outputs[name] for name in HIDDEN)
        there = targets.min(dim=2).values >= 0
        firsts = self.firsts(states).transpose(1, 2).float()
        total = pointer_loss(firsts, marks(firsts, None, targets[..., 1:3], there), mask)
        drawn = torch.where(there, torch.rand(there.shape, device=there.device), -1.0).argmax(dim=1)
        own = targets.gather(1, drawn[:, None, None].expand(-1, 1, 5))[:, :, 1:3].clamp(min=0)  # (B, 1, 2)
        seconds = self.second_logits(states, (own[..., 0], own[..., 1]))[:, 0]
        belongs = there & (targets[..., 1:3] == own).all(dim=2)
        gold = marks(seconds, targets[..., 0], targets[..., 3:5], belongs)
        learned = mask * there.any(dim=1, keepdim=True)  # a text without pairs has no first part to read on
        return (total + pointer_loss(seconds, gold, learned)) / len(states)

    @staticmethod
    def stack(targets: Sequence[Any]) -> Tensor:
        """Return the targets of a batch, (B, M, 5) int64, padded with -1."""
        return PairHead.stack(targets)


def masked(logits: Tensor, mask: Tensor) -> Tensor:
    """Return logits (B, …, T) that are `NEVER` where the mask (B, …, T), or (B, T), is 0."""
    real = mask[:, None] if mask.dim() < logits.dim() else mask
    return torch.where(real > 0, logits.float(), torch.full_like(logits.float(), NEVER))


def part_scores(logits: Tensor) -> Tensor:
    """Return the log probability of each part by first and last token, (B, T, T): it begins, it ends, and not before.

    Args:
        logits: Logits of beginnings and ends, (B, 2, T).
    """
    length = logits.shape[2]
    begins = torch.arange(length, device=logits.device).expand(logits.shape[0], -1)
    rows = logits[:, 1][:, None].expand(-1, length, -1)
    scores = F.logsigmoid(logits[:, 0])[..., None] + end_scores(rows, begins)
    return scores.clamp(min=NEVER)


def end_scores(ends: Tensor, begins: Tensor) -> Tensor:
    """Return the log probability that a part ends at each token, and at none before, (…, T).

    Args:
        ends: Logits of ends, (…, T).
        begins: First token of the part, (…).
    """
    none = F.logsigmoid(-ends).cumsum(dim=-1)
    until = torch.cat([torch.zeros_like(none[..., :1]), none[..., :-1]], dim=-1)
    since = until.gather(-1, begins[..., None])
    after = torch.arange(ends.shape[-1], device=ends.device) >= begins[..., None]
    return torch.where(after, F.logsigmoid(ends) + until - since, torch.full_like(ends, NEVER))


def logit(logarithms: Tensor) -> Tensor:
    """Return the logit of probabilities that are given by their logarithms."""
    low = logarithms.clamp(min=LOWEST, max=-1e-6)
    return low - torch.log(1 - low.exp())


def marks(logits: Tensor, classes: Tensor | None, ends: Tensor, there: Tensor) -> Tensor:
    """Return 1 at the beginnings and ends of gold parts, in the shape of logits (B, 2, T) or (B, 2, C, T).

    Args:
        logits: Logits of beginnings and ends.
        classes: Class of each gold part, (B, M), or None.
        ends: Its two tokens, (B, M, 2).
        there: True for those to mark, (B, M).
    """
    gold = torch.zeros_like(logits)
    texts = torch.arange(len(ends), device=ends.device)[:, None].expand_as(there)[there]
    for side in (0, 1):
        own = () if classes is None else (classes[there],)
        gold[(texts, torch.full_like(texts, side), *own, ends[there][:, side])] = 1.0
    return gold


def pointer_loss(logits: Tensor, gold: Tensor, mask: Tensor) -> Tensor:
    """Return the binary cross-entropy of beginnings and ends, a sum over everything but padding.

    Args:
        logits: Logits, (B, …, T).
        gold: 1 for gold, in the same shape.
        mask: 1 for tokens, 0 for padding, (B, T).
    """
    losses = F.binary_cross_entropy_with_logits(logits, gold, reduction="none")
    return (losses.flatten(1, -2).sum(dim=1) * mask).sum()
