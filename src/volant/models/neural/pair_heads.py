"""Heads for pairs of parts of a text: the likeliest pairs as candidates, and a loss. Importing this imports torch.

A candidate is a class, the first and the last token of either part, and a logit: (K, 6) for a text.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

from volant.kinds.outputs import CANDIDATES, CELLS
from volant.models.neural.heads import HeadOptions
from volant.models.neural.pair_scores import NEVER, PairScores, PartScores, gold_cells, set_loss

PARTS = 24  # likeliest parts of either side that are paired; texts of WebNLG, NYT and DuIE have at most 11
KEPT = 64  # candidates of a text; these texts have at most 22
NONE = -1  # number of a token that is in no window
HIDDEN = ("states", "mask")  # what the loss of training reads


class PairHead(nn.Module):
    """One-pass scores of parts and of pairs of their first and of their last tokens (GPLinker).

    The odds against a pair are the sum of those against its four scores: either part, the pair of first tokens and that
    of last ones. The likeliest pairs are chosen by the least of the four, which is less to compute.
    In training nothing but the loss has the scores of all pairs of tokens, (B, C, T, T).

    Args:
        width: Size D of the states.
        outputs: Number C of classes of a pair; one output here.
        options: Dropout.

    Source: Su 2022, https://kexue.fm/archives/8888; global pointers with rotary positions, Su et al. 2022,
    https://arxiv.org/abs/2208.03054
    """

    def __init__(self, width: int, outputs: Mapping[str, int], options: HeadOptions) -> None:
        super().__init__()
        (classes,) = outputs.values()
        self.axes = {CANDIDATES: {0: "batch", 1: CELLS}}
        self.dropout = nn.Dropout(options.dropout)
        self.parts = PartScores(width)
        self.firsts = PairScores(width, classes)
        self.lasts = PairScores(width, classes)
        self.options = options

    def forward(self, states: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return the candidates (B, K, 6) of states (B, T, D); in training, the states for the loss.

        Args:
            states: Hidden states, (B, T, D).
            mask: 1 for tokens, 0 for padding, (B, T).
        """
        if self.training:
            return dict(zip(HIDDEN, (self.dropout(states), mask), strict=True))
        scores = self.parts(states, mask)
        (first, first_ends), (second, second_ends) = best_parts(scores[:, 0]), best_parts(scores[:, 1])
        firsts = self.firsts(tokens(states, first_ends[0]), tokens(states, second_ends[0]))
        lasts = self.lasts(tokens(states, first_ends[1]), tokens(states, second_ends[1]))
        pairs = torch.minimum(firsts, lasts)
        pairs = torch.minimum(torch.minimum(pairs, first[:, None, :, None]), second[:, None, None, :])
        places = pairs.flatten(1).topk(KEPT).indices
        left = torch.remainder(torch.div(places, PARTS, rounding_mode="floor"), PARTS)
        right = torch.remainder(places, PARTS)
        scores = [firsts.flatten(1).gather(1, places), lasts.flatten(1).gather(1, places)]
        scores += [first.gather(1, left), second.gather(1, right)]
        values = joint(scores)
        ends = [*(end.gather(1, left) for end in first_ends), *(end.gather(1, right) for end in second_ends)]
        columns = [torch.div(places, PARTS * PARTS, rounding_mode="floor"), *ends, values]
        return {CANDIDATES: torch.stack([column.float() for column in columns], dim=2)}

    def loss(self, outputs: Mapping[str, Tensor], targets: Tensor) -> Tensor:
        """Return the loss of all scores in training, a mean over texts; else that of the candidates.

        Args:
            outputs: Outputs of `forward`.
            targets: Gold pairs, (B, M, 5), each a class and four tokens; `NONE` after the last.
        """
        if CANDIDATES in outputs:
            return candidate_loss(outputs[CANDIDATES], targets)
        states, mask = (outputs[name] for name in HIDDEN)
        classes = targets[..., 0]
        sides = torch.cat([torch.zeros_like(classes), torch.ones_like(classes)], dim=1)
        parts = torch.cat([targets[..., 1:3], targets[..., 3:5]], dim=1)
        scores = self.parts(states, mask)
        total = set_loss(scores.flatten(0, 1), gold_cells(scores, sides, parts).flatten(0, 1)).sum()
        total = total + self.firsts.loss(states, mask, classes, targets[..., [1, 3]])
        total = total + self.lasts.loss(states, mask, classes, targets[..., [2, 4]])
        return total / len(states)

    @staticmethod
    def stack(targets: Sequence[Any]) -> Tensor:
        """Return the targets of a batch, (B, M, 5) int64, padded with `NONE`."""
        tensors = [torch.as_tensor(row, dtype=torch.long).reshape(-1, 5) for row in targets]
        return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=NONE)


def joint(scores: Sequence[Tensor]) -> Tensor:
    """Return the logit whose odds against are the sum of those of several logits, elementwise.

    It is the negative log-sum-exp of negative logits, of operators that ONNX Runtime's optimizer knows the shape of:
    with one that it does not know, it would fuse no attention.
    """
    least = functools.reduce(torch.minimum, scores)
    return least - torch.log(functools.reduce(torch.add, [torch.exp(least - score) for score in scores]))


def best_parts(scores: Tensor, count: int = PARTS) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return the scores (B, P) of the likeliest parts, and their first and last tokens, (B, P) each.

    Args:
        scores: Scores of parts by first and last token, (B, T, T).
        count: Number of parts; with fewer, the rest are the first token with a score of `NEVER`.
    """
    flat = F.pad(scores.flatten(1), (0, count), value=NEVER)
    values, places = flat.topk(count)
    length = scores.shape[2]
    places = torch.where(values > NEVER, places, torch.zeros_like(places))
    return values, (torch.div(places, length, rounding_mode="floor"), torch.remainder(places, length))


def tokens(states: Tensor, places: Tensor) -> Tensor:
    """Return the states (B, P, D) at positions (B, P) of states (B, T, D)."""
    return states.gather(1, places[..., None].expand(-1, -1, states.shape[2]))


def candidate_loss(candidates: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-likelihood of which candidates are gold, a sum over candidates and a mean over texts.

    Args:
        candidates: Candidates, (B, K, 6).
        targets: Gold pairs, (B, M, 5).
    """
    right = (candidates[:, :, None, :5] == targets[:, None]).all(dim=3).any(dim=2)
    logits = candidates[..., 5].clamp(min=-50.0)
    return F.binary_cross_entropy_with_logits(logits, right.float(), reduction="none").sum(dim=1).mean()
