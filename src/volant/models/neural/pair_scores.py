"""Scores of parts of a text and of pairs of its tokens, and their loss. Importing this imports torch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

SIZE = 64  # width of the vectors that are compared
NEVER = -1e4  # logit of what can't be
BIAS = -6.0  # first logit: hardly any pair of tokens is one
TINY = 1e-30  # lower bound of a sum before its logarithm


class PartScores(nn.Module):
    """Scores of the parts of a text for either side of a pair, with rotary positions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 4 * SIZE)
        self.bias = nn.Parameter(torch.full((2, 1, 1), BIAS))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return the scores (B, 2, T, T) of parts by first and last token; `NEVER` for what is no part."""
        batch, length = mask.shape
        vectors = rotate(self.linear(states).view(batch, length, 4, SIZE).transpose(1, 2).float())
        scores = vectors[:, :2] @ vectors[:, 2:].transpose(2, 3) / SIZE**0.5 + self.bias
        real = mask.bool()
        allowed = (real[:, :, None] & real[:, None, :]).float().triu() > 0
        return torch.where(allowed[:, None], scores, torch.full_like(scores, NEVER))


class PairScores(nn.Module):
    """Scores of pairs of tokens for each class: one for the pair, and one for either token and the class.

    Source: efficient global pointer, Su 2022, https://kexue.fm/archives/8877
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.vectors = nn.Linear(width, 2 * SIZE)
        self.terms = nn.Linear(width, 2 * classes)
        nn.init.constant_(self.terms.bias, BIAS / 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the scores (B, C, S, O) of states (B, S, D) beside states (B, O, D)."""
        pairs, left_terms, right_terms = self.summands(left, right)
        return pairs[:, None] + left_terms[..., None] + right_terms[:, :, None]

    def summands(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scores of pairs (B, S, O), those of the left token (B, C, S) and of the right one (B, C, O)."""
        pairs = self.vectors(left)[..., :SIZE] @ self.vectors(right)[..., SIZE:].transpose(1, 2) / SIZE**0.5
        classes = self.terms.out_features // 2
        left_terms = self.terms(left)[..., :classes].transpose(1, 2)
        right_terms = self.terms(right)[..., classes:].transpose(1, 2)
        return pairs.float(), left_terms.float(), right_terms.float()

    def loss(self, states: Tensor, mask: Tensor, classes: Tensor, ends: Tensor) -> Tensor:
        """Return the loss of all pairs of tokens of all classes, a sum over texts.

        Of a class that a text has not, it needs the sum over all pairs only, which is a product of three matrices:
        (B, C, T, T) scores are never in memory.

        Args:
            states: Hidden states, (B, T, D).
            mask: 1 for tokens, 0 for padding, (B, T).
            classes: Class of each gold pair, (B, M).
            ends: Its two tokens, (B, M, 2); `NONE` for one that is not in the text.
        """
        pairs, left, right = self.summands(states, states)
        real = mask.bool()[:, None]
        left = left.masked_fill(~real, NEVER)
        right = right.masked_fill(~real, NEVER)
        there = ends.min(dim=2).values >= 0
        texts = torch.arange(len(classes), device=classes.device)[:, None].expand_as(classes)[there]
        held = torch.zeros(left.shape[:2], dtype=torch.bool, device=classes.device)
        held[texts, classes[there]] = True
        absent = F.softplus(sum_of_pairs(pairs, left, right)).masked_fill(held, 0.0).sum()
        own_text, own_class = held.nonzero(as_tuple=True)
        dense = pairs[own_text] + left[own_text, own_class][:, :, None] + right[own_text, own_class][:, None]
        gold = torch.zeros_like(dense, dtype=torch.bool)
        rows = held.flatten().cumsum(0).view_as(held)[texts, classes[there]] - 1
        gold[rows, ends[there][:, 0], ends[there][:, 1]] = True
        return absent + set_loss(dense, gold).sum()


def sum_of_pairs(pairs: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return the logarithm of the sum over pairs of tokens of their exponential scores, (B, C).

    Args:
        pairs: Scores of pairs of tokens, (B, T, T).
        left: Scores of the left token for each class, (B, C, T).
        right: Scores of the right token for each class, (B, C, T).
    """
    tops = [pairs.amax(dim=(1, 2))[:, None].detach(), *(side.amax(dim=2).detach() for side in (left, right))]
    with torch.autocast(pairs.device.type, enabled=False):
        inner = (left - tops[1][..., None]).exp() @ (pairs - tops[0][..., None]).exp()
        sums = (inner * (right - tops[2][..., None]).exp()).sum(dim=2)
    return sums.clamp(min=TINY).log() + tops[0] + tops[1] + tops[2]


def rotate(vectors: Tensor) -> Tensor:
    """Return vectors (…, T, E) turned by their position, so that a product of two depends on their distance.

    Source: Su et al. 2021, RoFormer, https://arxiv.org/abs/2104.09864
    """
    half = vectors.shape[-1] // 2
    rates = 10000.0 ** (-torch.arange(half, device=vectors.device, dtype=torch.float32) / half)
    angles = torch.arange(vectors.shape[-2], device=vectors.device, dtype=torch.float32)[:, None] * rates
    left = vectors[..., :half]
    right = vectors[..., half:]
    return torch.cat([left * angles.cos() - right * angles.sin(), left * angles.sin() + right * angles.cos()], dim=-1)


def gold_cells(scores: Tensor, classes: Tensor, ends: Tensor) -> Tensor:
    """Return a mask of gold cells, in the shape of scores (B, C, T, T).

    Args:
        scores: Scores of cells.
        classes: Class of each gold cell, (B, M).
        ends: Its two tokens, (B, M, 2); `NONE` for one that is not in the text.
    """
    mask = torch.zeros_like(scores, dtype=torch.bool)
    there = ends.min(dim=2).values >= 0
    texts = torch.arange(len(classes), device=classes.device)[:, None].expand_as(classes)[there]
    mask[texts, classes[there], ends[there][:, 0], ends[there][:, 1]] = True
    return mask


def set_loss(logits: Tensor, gold: Tensor) -> Tensor:
    """Return the cross-entropy of each set of cells, of which any number are gold, (R,).

    Every gold cell should be above 0, and every other cell below.

    Args:
        logits: Scores, (R, T, T); `NEVER` or less for what can't be.
        gold: Mask of gold cells, (R, T, T).

    Source: Su et al. 2022, ZLPR, https://arxiv.org/abs/2208.02955
    """
    others = logits.masked_fill(gold, NEVER).flatten(1).logsumexp(dim=1)
    own = (-logits).masked_fill(~gold, NEVER).flatten(1).logsumexp(dim=1)
    return F.softplus(others) + F.softplus(own)
