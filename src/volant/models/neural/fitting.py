"""From an encoder and a tokenizer to a fitted model, for the recurrent and the transformer family.

Importing this imports torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from volant.bundle.runtime.onnx import batches
from volant.bundle.runtime.reader import HEAD, Reader
from volant.kinds import TokenOutputs
from volant.models import Examples, Fitted, Task
from volant.models.folds import pick
from volant.models.neural.batches import pad_rows
from volant.models.neural.checkpoints import first_process
from volant.models.neural.contrastive import contrast
from volant.models.neural.export import LOGITS, export
from volant.models.neural.frozen import from_stored, frozen_layers, outputs
from volant.models.neural.hardware import multiplies_bf16
from volant.models.neural.heads import HEADS, HeadOnly, Net, TextHead, TokenHead, class_weights
from volant.models.neural.logistic import logistic_head
from volant.models.neural.options import Contrastive, Logistic, Training
from volant.models.neural.progress import bar
from volant.models.neural.speed import trained_tokens
from volant.models.neural.training import Goal, train
from volant.models.neural.weights import keep, restore

Ids = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Composition:
    """A text encoder without a head: states (B, T, D) of token ids, and how they are pooled to one vector.

    `start` is the folder of an earlier version's weights to start from; `logistic` solves the head instead of training
    it, after `contrastive`, if set, has fine-tuned the encoder on pairs of rows.
    """

    encoder: nn.Module
    width: int
    tokenizer: Tokenizer
    max_length: int
    pooling: str
    dropout: float
    precompute: bool = False
    start: str | None = None
    logistic: Logistic | None = None
    contrastive: Contrastive | None = None
    truncation: str = HEAD
    about: Mapping[str, Any] = field(default_factory=dict)  # of the encoder, for manifest and model card

    @property
    def reader(self) -> Reader:
        """The reader of texts, the same in training and in the bundle."""
        return Reader(self.tokenizer, self.max_length, self.truncation)


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
        validation: Rows that select the epoch.
        task: Kind, labels, metric, seed.
        options: Hyper-parameters of the training loop.
        folders: Folder of the bundle's files, and folder of checkpoints.

    Returns:
        The fitted model; under `torchrun` only the first process writes it, and the others name no candidates.
    """
    folder, work = folders
    read = {"train": parts.reader.measured(train_rows.texts), "validation": parts.reader.measured(validation.texts)}
    ids = read["train"][0], read["validation"][0]
    net, history, best = learn(parts, ids, (train_rows, validation), task, options, work)
    if not first_process():
        return Fitted((), tuple(history), best)
    sample = train_rows.texts
    candidates = export(net.cpu().eval(), parts.tokenizer, parts.max_length, folder, sample, parts.truncation)
    keep(net, parts.tokenizer, task.labels, work / "weights")
    reading = {split: shares for split, (_, shares) in read.items()}
    return Fitted(tuple(candidates), tuple(history), best, work / "weights", reading)


def learn(
    parts: Composition,
    ids: tuple[Ids, Ids],
    sides: tuple[Examples, Examples],
    task: Task,
    options: Training,
    work: Path,
) -> tuple[Net, list[dict[str, float]], dict[str, float]]:
    """Put a head on the encoder and train.

    Args:
        parts: The encoder and its tokenizer.
        ids: Token ids of the train and of the validation rows.
        sides: The train and the validation rows.
        task: Kind, labels, metric, seed.
        options: Hyper-parameters of the training loop.
        work: Folder of checkpoints.

    Returns:
        The net, the metrics of its evaluations, and those of the selected one.
    """
    _check(parts, task)
    targets, judge = _views(parts, ids, sides, task)
    goal = Goal(judge, task.metric, task.seed)
    torch.manual_seed(task.seed)  # of the head's initial weights
    net = Net(parts.encoder, _head(parts, targets[0], task, options), parts.pooling)
    if parts.start:
        restore(net, task.labels, Path(parts.start))
    if parts.logistic:
        solve(net, ids[0], sides[0].targets, parts, task)
        scores = goal.score(predict_logits(net, ids[1]))
        best = {"epoch": 1.0, **{f"val_{name}": value for name, value in scores.items()}}
        return net, [best], best
    if parts.precompute and not isinstance(net.head, TokenHead):
        train_rows, validation_rows = (_pooled_rows(net, i, own) for i, own in zip(ids, targets, strict=True))
        return net, *train(HeadOnly(net.head), train_rows, validation_rows, goal, options, work)
    count = frozen_layers(net.encoder, sum(map(len, chain(*ids))))
    bf16 = multiplies_bf16(options.bf16)
    train_rows, validation_rows = (_token_rows(net, i, own, count, bf16) for i, own in zip(ids, targets, strict=True))
    with trained_tokens(net.encoder, chain(train_rows, validation_rows)), from_stored(net.encoder, count):
        history, best = train(net, train_rows, validation_rows, goal, options, work)
    return net, history, best


def out_of_fold(
    compose: Callable[[], Composition], rows: Examples, folds: Sequence[np.ndarray], task: Task, options: Training
) -> np.ndarray:
    """Return out-of-fold logits (N, L) of each row; nothing is exported.

    Args:
        compose: Returns the encoder as it is before the first step.
        rows: Train rows.
        folds: Row positions of each fold.
        task: Kind, labels, metric, seed.
        options: Hyper-parameters of the training loop.
    """
    parts = compose()
    ids = parts.reader.ids(rows.texts)
    logits = np.zeros((len(ids), len(task.labels)), dtype=np.float32)
    frozen = parts.logistic if parts.precompute else None
    states = encode(Net(parts.encoder, TextHead(parts.width, 1, 0.0, None), parts.pooling), ids) if frozen else None
    for held in folds:
        rest = np.setdiff1d(np.arange(len(ids)), held)
        if frozen and states is not None:  # computed once for all folds
            coefficients, intercepts = logistic_head(states[rest], rows.targets[rest], len(task.labels), frozen)
            logits[held] = states[held] @ coefficients.T + intercepts
            continue
        sides = pick(rows, rest), pick(rows, held)
        with TemporaryDirectory() as work:
            read = [ids[k] for k in rest], [ids[k] for k in held]
            net, *_ = learn(compose(), read, sides, task, options, Path(work))
        logits[held] = predict_logits(net, read[1])
    return logits


def solve(net: Net, ids: Ids, targets: np.ndarray, parts: Composition, task: Task) -> None:
    """Fine-tune the encoder on pairs of rows, if configured, and solve the head on its states.

    Args:
        net: Net to change in place.
        ids: Token ids of each row.
        targets: (N,) int64, or for several labels (N, L) float32.
        parts: The encoder's options for pairs and head.
        task: Kind, labels, metric, seed.
    """
    if parts.contrastive:
        contrast(net, ids, targets, parts.contrastive, task.seed)
    if parts.logistic:
        set_head(net, logistic_head(encode(net, ids), targets, len(task.labels), parts.logistic))


def set_head(net: Net, head: tuple[np.ndarray, np.ndarray]) -> None:
    """Set the coefficients (L, D) and intercepts (L,) of a net's head."""
    with torch.no_grad():
        net.head.linear.weight.copy_(torch.as_tensor(head[0]))
        net.head.linear.bias.copy_(torch.as_tensor(head[1]))


def predict_logits(net: Net, ids: Ids) -> np.ndarray:
    """Return the logits (N, L) of a net before any export."""
    states = torch.as_tensor(encode(net, ids))
    with torch.inference_mode():
        return net.head.cpu().eval()(states).numpy()


def _check(parts: Composition, task: Task) -> None:
    """Refuse options that a kind with outputs for every token can't have.

    Raises:
        VolantError: If the head is solved, or the last layer computes the first token only.
    """
    if parts.logistic:
        task.require_text("logistic")
    if parts.pooling == "cls":
        task.require_text("pooling: cls")


def _views(
    parts: Composition, ids: tuple[Ids, Ids], sides: tuple[Examples, Examples], task: Task
) -> tuple[list[Any], Callable[[np.ndarray], Mapping[str, float]]]:
    """Return the targets of train and validation, and the function from validation's logits to its metrics."""
    validation = sides[1]
    if task.kind.head == "text":
        return [side.targets for side in sides], lambda logits: task.score(logits, validation)
    offsets = [parts.reader.offsets(side.texts) for side in sides]
    targets = [task.kind.targets(side.gold, task.labels, own) for side, own in zip(sides, offsets, strict=True)]

    def score(logits: np.ndarray) -> Mapping[str, float]:
        values = [row[: len(own)] for row, own in zip(logits, ids[1], strict=True)]
        return task.score(TokenOutputs({LOGITS: values}, offsets[1]), validation)

    return targets, score


def _head(parts: Composition, targets: Any, task: Task, options: Training) -> TextHead:
    width = task.kind.width(task.labels)
    flat = torch.as_tensor(targets if isinstance(targets, np.ndarray) else np.concatenate(targets))
    weights = class_weights(flat, width) if options.class_weights else None
    return HEADS[task.kind.head](parts.width, width, parts.dropout, weights, options.label_smoothing)


def _pooled_rows(net: Net, ids: Ids, targets: Any) -> list[dict[str, Any]]:
    """Return the training loop's rows for a frozen encoder: its pooled states, computed once."""
    return [{"pooled": states, "labels": target} for states, target in zip(encode(net, ids), targets, strict=True)]


def _token_rows(net: Net, ids: Ids, targets: Any, count: int, bf16: bool) -> list[dict[str, Any]]:
    """Return the training loop's rows: token ids, and the outputs of the first `count` layers, computed once."""
    rows: list[dict[str, Any]] = [
        {"input_ids": row, "labels": target} for row, target in zip(ids, targets, strict=True)
    ]
    if count:
        for row, states in zip(rows, outputs(net.encoder, ids, count, bf16), strict=True):
            row["states"] = states
    return rows


def encode(net: Net, ids: Ids) -> np.ndarray:
    """Return the pooled states (N, D) of every row, computed in batches of similar length."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = net.to(device).eval()
    states = np.empty((len(ids), 0), dtype=np.float32)
    with torch.inference_mode(), bar(len(ids), "encoding once", "text") as progress_bar:
        for rows in batches(np.array([len(i) for i in ids]), 2048):
            batch = pad_rows(ids, rows, device)
            pooled = net.pooled(**batch).float().cpu().numpy()
            states = states if states.shape[1] else np.empty((len(ids), pooled.shape[1]), dtype=np.float32)
            states[rows] = pooled
            progress_bar.update(len(rows))
    return states
