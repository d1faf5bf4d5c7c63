"""From an encoder and a tokenizer to a fitted model, for the recurrent and the transformer family.

Importing this imports torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from volant.bundle.runtime.onnx import batches
from volant.bundle.runtime.reader import HEAD, WINDOWS, Reader
from volant.errors import VolantError
from volant.kinds.outputs import LOGITS
from volant.models import Examples, Fitted, Task
from volant.models.folds import pick
from volant.models.neural.batches import pad_rows
from volant.models.neural.cascade_head import CascadeHead
from volant.models.neural.checkpoints import first_process
from volant.models.neural.contrastive import contrast
from volant.models.neural.export import export
from volant.models.neural.frozen import from_stored, frozen_layers, outputs
from volant.models.neural.hardware import multiplies_bf16
from volant.models.neural.heads import HeadOnly, HeadOptions, Net, TextHead, class_weights
from volant.models.neural.logistic import logistic_head
from volant.models.neural.options import Contrastive, Logistic, Training
from volant.models.neural.pair_heads import PairHead
from volant.models.neural.progress import bar
from volant.models.neural.sides import Side, read_side
from volant.models.neural.speed import trained_tokens
from volant.models.neural.token_heads import JointHead, TokenHead
from volant.models.neural.training import Goal, train
from volant.models.neural.weights import keep, restore

Ids = Sequence[Sequence[int]]
PAIRS = "pairs"
# by the `head` of a kind
HEADS = {"text": TextHead, "tokens": TokenHead, "text and tokens": JointHead, PAIRS: PairHead}


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
    crf: bool = False
    cascade: bool = False
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
    if task.kind.head != "text":
        parts = replace(parts, truncation=WINDOWS)
    sides = read_side(parts.reader, train_rows, task), read_side(parts.reader, validation, task)
    net, history, best = learn(parts, sides, task, options, work)
    if not first_process():
        return Fitted((), tuple(history), best)
    sample = train_rows.texts
    candidates = export(net.cpu().eval(), parts.tokenizer, parts.max_length, folder, sample, parts.truncation)
    keep(net, parts.tokenizer, task.labels, work / "weights")
    reading = {"train": sides[0].reading, "validation": sides[1].reading}
    return Fitted(tuple(candidates), tuple(history), best, work / "weights", reading)


def learn(
    parts: Composition, sides: tuple[Side, Side], task: Task, options: Training, work: Path
) -> tuple[Net, list[dict[str, float]], dict[str, float]]:
    """Put a head on the encoder and train.

    Args:
        parts: The encoder and its tokenizer.
        sides: The train and the validation rows, as `parts.reader` reads them.
        task: Kind, labels, metric, seed.
        options: Hyper-parameters of the training loop.
        work: Folder of checkpoints.

    Returns:
        The net, the metrics of its evaluations, and those of the selected one.
    """
    _check(parts, task)
    torch.manual_seed(task.seed)  # of the head's initial weights
    net = Net(parts.encoder, _head(parts, sides[0].targets, task, options))
    goal = Goal(partial(sides[1].score, task, net.head.axes), task.metric, task.seed)
    if parts.start:
        restore(net, task.labels, Path(parts.start))
    if parts.logistic:
        solve(net, sides[0].ids, sides[0].targets, parts, task)
        scores = goal.score([predict_logits(net, sides[1].ids)])
        best = {"epoch": 1.0, **{f"val_{name}": value for name, value in scores.items()}}
        return net, [best], best
    if parts.precompute and isinstance(net.head, TextHead):
        train_rows, validation_rows = (_pooled_rows(net, side) for side in sides)
        return net, *train(HeadOnly(net.head), train_rows, validation_rows, goal, options, work)
    count = frozen_layers(net.encoder, sum(len(ids) for side in sides for ids in side.ids))
    bf16 = multiplies_bf16(options.bf16)
    train_rows, validation_rows = (_token_rows(net, side, count, bf16) for side in sides)
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
    head = TextHead(parts.width, {LOGITS: 1}, HeadOptions(pooling=parts.pooling))
    states = encode(Net(parts.encoder, head), ids) if frozen else None
    for held in folds:
        rest = np.setdiff1d(np.arange(len(ids)), held)
        if frozen and states is not None:  # computed once for all folds
            coefficients, intercepts = logistic_head(states[rest], rows.targets[rest], len(task.labels), frozen)
            logits[held] = states[held] @ coefficients.T + intercepts
            continue
        sides = _part(rows, ids, rest), _part(rows, ids, held)
        with TemporaryDirectory() as work:
            net, *_ = learn(compose(), sides, task, options, Path(work))
        logits[held] = predict_logits(net, sides[1].ids)
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
        return net.head.cpu().eval().of_pooled(states)[LOGITS].numpy()


def _check(parts: Composition, task: Task) -> None:
    """Refuse options that the head of the kind can't have.

    Raises:
        VolantError: If the head is solved, the last layer computes the first token only, or the head has no classes of
            tokens for a CRF, or no pairs for a cascade.
    """
    if parts.crf and task.kind.head in ("text", PAIRS):
        raise VolantError(
            f"model.crf learns transitions between tokens, which have no classes in kind '{task.kind.name}'. Set it "
            "to false."
        )
    if parts.cascade and task.kind.head != PAIRS:
        raise VolantError(
            f"model.cascade reads pairs of parts of a text, which kind '{task.kind.name}' does not have. Set it to "
            "false."
        )
    if parts.logistic:
        task.require_text("logistic")
    if parts.pooling == "cls":
        task.require_text("pooling: cls")


def _part(rows: Examples, ids: Ids, positions: np.ndarray) -> Side:
    own = pick(rows, positions)
    return Side(own, [ids[k] for k in positions], own.targets, None, {})


def _head(parts: Composition, targets: Any, task: Task, options: Training) -> Any:
    """Return the head of the kind.

    Raises:
        VolantError: If `class_weights` is set for a head with several outputs, or one of pairs.
    """
    outputs = task.kind.outputs(task.labels)
    weights = None
    if options.class_weights and (len(outputs) > 1 or task.kind.head == PAIRS):
        raise VolantError(
            f"class_weights has no meaning for kind '{task.kind.name}'. Set training.class_weights: false."
        )
    if options.class_weights:
        flat = torch.as_tensor(targets if isinstance(targets, np.ndarray) else np.concatenate(targets))
        weights = class_weights(flat, *outputs.values())
    chosen = HeadOptions(parts.dropout, weights, options.label_smoothing, parts.pooling, parts.crf)
    head = CascadeHead if parts.cascade else HEADS[task.kind.head]
    return head(parts.width, outputs, chosen)


def _pooled_rows(net: Net, side: Side) -> list[dict[str, Any]]:
    """Return the training loop's rows for a frozen encoder: its pooled states, computed once."""
    states = encode(net, side.ids)
    return [{"pooled": row, "labels": target} for row, target in zip(states, side.targets, strict=True)]


def _token_rows(net: Net, side: Side, count: int, bf16: bool) -> list[dict[str, Any]]:
    """Return the training loop's rows: token ids, and the outputs of the first `count` layers, computed once."""
    rows: list[dict[str, Any]] = [
        {"input_ids": row, "labels": target} for row, target in zip(side.ids, side.targets, strict=True)
    ]
    if count:
        for row, states in zip(rows, outputs(net.encoder, side.ids, count, bf16), strict=True):
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
