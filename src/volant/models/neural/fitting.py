"""From an encoder and a tokenizer to a fitted model: what the recurrent and the transformer family share.

Importing this imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from volant.models import Examples, Fitted, Task
from volant.models.neural.batches import pad
from volant.models.neural.checkpoints import first_process
from volant.models.neural.export import export
from volant.models.neural.heads import HeadOnly, Net, TextHead, class_weights
from volant.models.neural.options import Training
from volant.models.neural.thrift import seen_tokens
from volant.models.neural.training import Goal, train
from volant.models.neural.weights import keep, restore
from volant.runtime.onnx import batches


@dataclass(frozen=True)
class Composition:
    """A text encoder ready to be given a head: states (B, T, D) of token ids, and how they become one vector.

    `start` is the folder of an earlier version's weights to begin with.
    """

    encoder: nn.Module
    width: int
    tokenizer: Tokenizer
    max_length: int
    pooling: str
    dropout: float
    precompute: bool = False
    start: str | None = None

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut at `max_length`."""
        self.tokenizer.enable_truncation(self.max_length)
        self.tokenizer.no_padding()
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]


def fit(
    parts: Composition,
    train_rows: Examples,
    validation: Examples,
    task: Task,
    options: Training,
    folders: tuple[Path, Path],
) -> Fitted:
    """Put a head on the encoder, train, and export the best epoch.

    Args:
        parts: The encoder and its tokenizer.
        train_rows: Rows to learn from.
        validation: Rows that choose the epoch.
        task: Kind, labels, metric, seed.
        options: Hyper-parameters of the loop.
        folders: Where the bundle's files are written, and where checkpoints live.

    Returns:
        What was fitted; under `torchrun` only the first process writes it, and the others name no candidates.
    """
    folder, work = folders
    goal = Goal(lambda logits: task.score(logits, validation), task.metric, task.seed)
    targets = torch.as_tensor(train_rows.targets)
    weights = class_weights(targets) if options.class_weights else None
    torch.manual_seed(task.seed)  # the head's first weights
    head = TextHead(parts.width, len(task.labels), parts.dropout, weights, options.label_smoothing)
    net = Net(parts.encoder, head, parts.pooling)
    if parts.start:
        restore(net, task.labels, Path(parts.start))
    rows = _rows(net, parts, train_rows), _rows(net, parts, validation)
    trained = HeadOnly(head) if parts.precompute else net
    with seen_tokens(net.encoder, chain(*rows)):
        history, best = train(trained, *rows, goal, options, work)
    if not first_process():
        return Fitted((), tuple(history), best)
    candidates = export(net.cpu().eval(), parts.tokenizer, parts.max_length, folder, train_rows.texts)
    keep(net, parts.tokenizer, task.labels, work / "weights")
    return Fitted(tuple(candidates), tuple(history), best, work / "weights")


def _rows(net: Net, parts: Composition, examples: Examples) -> list[dict[str, Any]]:
    """What the training loop reads: ids, or what the frozen encoder makes of them, computed once."""
    ids = parts.ids(examples.texts)
    if not parts.precompute:
        return [{"input_ids": i, "labels": t} for i, t in zip(ids, examples.targets, strict=True)]
    return [{"pooled": p, "labels": t} for p, t in zip(encode(net, ids), examples.targets, strict=True)]


def encode(net: Net, ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Pooled states (N, D) of every row, in batches of like length."""
    from tqdm import tqdm

    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = net.to(device).eval()
    states = np.empty((len(ids), 0), dtype=np.float32)
    with torch.inference_mode(), tqdm(total=len(ids), desc="encoding once", unit="text") as bar:
        for rows in batches(np.array([len(i) for i in ids]), 2048):
            batch = {name: tensor.to(device) for name, tensor in pad([ids[i] for i in rows]).items()}
            pooled = net.pooled(**batch).float().cpu().numpy()
            states = states if states.shape[1] else np.empty((len(ids), pooled.shape[1]), dtype=np.float32)
            states[rows] = pooled
            bar.update(len(rows))
    return states
