"""Contrastive fine-tuning for few rows: rows of one label move together, others apart. Importing this imports torch.

N rows give about N²/2 pairs, so that an encoder can learn from too few rows for a head with random weights. Each step
takes a few rows of several labels and compares all pairs of them, where SetFit encodes both sides of every pair again;
the loss is the same, the squared distance of the cosine from 1 or 0.

Source: Tunstall et al. 2022, Efficient Few-Shot Learning Without Prompts, https://arxiv.org/abs/2209.11055
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name that every torch user knows)

from volant.models.folds import rarest
from volant.models.neural.batches import pad_rows
from volant.models.neural.hardware import multiplies_bf16
from volant.models.neural.heads import Net
from volant.models.neural.options import Contrastive
from volant.models.neural.progress import bar
from volant.models.neural.speed import trained_tokens
from volant.models.neural.training import rate_of


def contrast(net: Net, ids: Sequence[Sequence[int]], targets: np.ndarray, options: Contrastive, seed: int) -> None:
    """Fine-tune the encoder of a net in place, on pairs of rows.

    Args:
        net: Net with the encoder; its head is not used.
        ids: Token ids of each row.
        targets: (N,) int64, or for several labels (N, L) float32.
        options: Hyper-parameters.
        seed: Seed of dropout and of the rows of each step.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bf16 = multiplies_bf16(options.bf16)
    net.to(device).train()
    torch.manual_seed(seed)
    draws = draw(targets, options.batch_size, seed)
    tokens = trained_tokens(net.encoder, ({"input_ids": row} for row in ids))
    with tokens, bar(options.steps, "pairs", "step") as progress_bar:
        optimizer, schedule = _optimizer(net, options)
        for rows in islice(draws, options.steps):
            batch = pad_rows(ids, rows, device)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                states = net.pooled(**batch)
            loss = pair_loss(states.float(), torch.as_tensor(similarity(targets[rows]), device=device))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.encoder.parameters(), options.max_grad_norm)
            optimizer.step()
            schedule.step()
            progress_bar.update()
    net.eval()


def similarity(targets: np.ndarray) -> np.ndarray:
    """Return the similarity of the labels of each pair of rows, (N, N): the share in common, from 0 to 1.

    Example:
        >>> similarity(np.array([0, 1, 0])).tolist()
        [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
        >>> similarity(np.array([[1.0, 1.0], [1.0, 0.0]])).tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """
    if targets.ndim == 1:
        return (targets[:, None] == targets[None]).astype(np.float32)
    common = targets @ targets.T
    either = targets.sum(axis=1)[:, None] + targets.sum(axis=1)[None] - common
    return np.where(either > 0, common / np.maximum(either, 1), 1.0).astype(np.float32)  # without labels: equal


def pair_loss(states: Tensor, similarities: Tensor) -> Tensor:
    """Return the mean squared distance of the cosine of each pair of states (N, D) from its similarity (N, N).

    Pairs with a label in common and pairs without, which are many more, have the same total weight.
    """
    unit = F.normalize(states, dim=1)
    distances = (unit @ unit.T - similarities) ** 2
    near = (similarities > 0) & ~torch.eye(len(states), dtype=torch.bool, device=states.device)
    parts = [distances[pairs].mean() for pairs in (near, similarities == 0) if pairs.any()]
    return torch.stack(parts).mean() if parts else distances.sum() * 0


def draw(targets: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the row positions of one step after the other: a few labels, at least two rows of each where possible.

    Args:
        targets: (N,) int64, or for several labels (N, L): a row then stands for its rarest label, or for none.
        size: Largest number of rows.
        seed: Seed of the draws.
    """
    generator = np.random.default_rng(seed)
    strata = targets if targets.ndim == 1 else rarest(targets)
    groups = [np.flatnonzero(strata == label) for label in np.unique(strata)]
    while True:
        order = generator.permutation(len(groups))[: max(2, size // 2)]
        each = max(2, size // len(order))
        yield np.concatenate([generator.permutation(groups[k])[:each] for k in order])


def _optimizer(net: Net, options: Contrastive) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Return AdamW with a rate per layer, and a schedule that rises in the warm-up and falls to 0."""
    from transformers import get_linear_schedule_with_warmup

    trained = [parameter for parameter in net.encoder.parameters() if parameter.requires_grad]
    groups = [
        {"params": list(parameters), "lr": options.learning_rate * rate}
        for rate, parameters in groupby(sorted(trained, key=rate_of), key=rate_of)
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
    warmup = round(options.warmup_ratio * options.steps)
    return optimizer, get_linear_schedule_with_warmup(optimizer, warmup, options.steps)
