"""The family that chooses a model itself: with few rows, by cross-validation of up to four models on the train rows.

With few rows the best model is not known in advance: words that name the label favour n-grams, paraphrases favour an
encoder. With many rows a fine-tuned encoder is the most accurate, and cross-validation would take hours.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT, build
from volant.errors import VolantError
from volant.models import Examples, Fitted, Task
from volant.models.blend import beside, normalised, stack
from volant.models.fine_tuning import Transformer
from volant.models.folds import deal, pick
from volant.models.tfidf import Linear

Choice = dict[str, Any]
ALONE = 0.1  # weight below which a part is left out of the blend
PULL = 5.0  # rows that the prior of weights, around 1 for encoder and n-grams alike, is worth: chosen on train rows
LETTERS = 4  # characters per token, roughly
CHEAP = ("linear", "frozen")  # cross-validated in seconds
DEAR = ("contrastive", "full")
MOST_TRAINED = ("full", "contrastive", "frozen")  # by the share of the encoder that is trained


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Auto:
    """Linear, frozen encoder, contrastive or full fine-tuning, chosen by cross-validation where rows are few.

    An encoder is evaluated together with the n-grams, weighted on the same predictions, as it will be served.

    Attributes:
        most_rows: Largest number of train rows that is cross-validated; above it, `full` is chosen.
        folds: Number of folds of the train rows.
        full_from: Train rows per label from which `full` is cross-validated too; with fewer, `contrastive` is better.
        most_tokens: Most tokens that the cross-validation of `contrastive` or `full` may read; above it, the option is
            skipped.
        linear: The linear model, as in `conf/model/linear.yaml`; like the others with its `_target_`.
        frozen: The unchanged encoder with a solved head.
        contrastive: The encoder fine-tuned on pairs of rows, with a solved head.
        full: The encoder fine-tuned as a whole, with a trained head.
    """

    family: Literal["auto"] = "auto"
    most_rows: int = Field(default=1000, ge=8)
    folds: int = Field(default=2, ge=2, le=10)
    full_from: int = Field(default=24, ge=1)
    most_tokens: int = Field(default=40_000, ge=0)
    linear: dict[str, Any]
    frozen: dict[str, Any]
    contrastive: dict[str, Any]
    full: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse an option of the wrong family.

        Raises:
            ValueError: If `linear` is not of the linear family, or another not of the transformer family; pydantic
                reports it.
        """
        try:
            models = self.models
        except VolantError as error:
            raise ValueError(str(error)) from error
        for name, model in models.items():
            wanted = Linear if name == "linear" else Transformer
            if not isinstance(model, wanted):
                raise ValueError(f"{name} must be a {wanted.__name__}")

    @property
    def models(self) -> dict[str, Any]:
        """The four options by name."""
        return {name: build(getattr(self, name), f"model.{name}") for name in (*CHEAP, *DEAR)}

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Choose an option, then fit it.

        Args:
            train: Rows to learn from; cross-validation uses only these.
            validation: Rows that select the epoch.
            task: Kind, labels, metric, seed.
            folder: Folder of the files that the bundle will contain.
            work: Folder of checkpoints.
        """
        choice = self.choose(train, task)
        models = self.models
        tell(f"chosen: {choice['option']}{' and n-grams' if 'weights' in choice else ''}. {choice['why']}")
        fitted = models[choice["option"]].fit(train, validation, task, folder, work)
        if "weights" in choice:
            other = models["linear"].fit(train, validation, task, folder, work)
            fitted = beside(fitted, other, validation, task, folder, choice["weights"])
        return replace(fitted, choice={**choice, "family": models[choice["option"]].family})

    def choose(self, train: Examples, task: Task) -> Choice:
        """Return the chosen option and the reason, with cross-validation scores and the weights of a blend, if any.

        Raises:
            VolantError: If cross-validation would run under torchrun with several processes.
        """
        rows = len(train.texts)
        if rows > self.most_rows:
            return {"option": "full", "why": f"{rows:,} train rows are more than {self.most_rows:,} (most_rows)."}
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise VolantError("model: auto cross-validates in one process. Train without torchrun, or set a model.")
        judged = recurring(train, self.folds)
        if judged is None:
            return {"option": "frozen", "why": f"No two labels have {self.folds} train rows, too few to judge by."}
        train = judged
        folds = deal(train.targets, self.folds, task.seed)
        answers = {}
        scores = {}
        for name in (*CHEAP, *DEAR):
            if name in DEAR and not self._is_candidate(name, train, task, answers):
                continue
            answers[name] = self.models[name].out_of_fold(train, folds, task)
            scores[name] = round(task.score(answers[name], train)[task.metric], 4)
            tell(f"{len(train.texts)} train rows in {self.folds} folds: {name} {task.metric} {scores[name]:.3f}")
        return {**decide(answers, train, task), "rows": len(train.texts), "folds": self.folds, "scores": scores}

    def _is_candidate(self, name: str, train: Examples, task: Task, answers: Mapping[str, Any]) -> bool:
        """Return True if an option that takes minutes is worth cross-validating."""
        weights = stack([answers["frozen"], answers["linear"]], train.targets, task, PULL)
        if normalised(weights)[0] < ALONE:
            tell(f"{name} is left out: the encoder knows nothing of these texts that n-grams don't")
            return False
        if name == "full" and len(train.texts) < self.full_from * len(task.labels):
            tell(f"full is left out: fewer than {self.full_from} train rows a label (full_from)")
            return False
        tokens = _tokens(self.models[name], train)
        if tokens > self.most_tokens:
            tell(f"{name} is left out: it would read {tokens:,} tokens, more than {self.most_tokens:,} (most_tokens)")
        return tokens <= self.most_tokens


def recurring(rows: Examples, count: int) -> Examples | None:
    """Return the rows whose label has at least `count` rows, enough for each fold; None if under two labels do.

    With several labels per text all rows are returned, or None if there are fewer than `count`.
    """
    if rows.targets.ndim > 1:
        return rows if len(rows.texts) >= count else None
    often = np.flatnonzero(np.bincount(rows.targets)[rows.targets] >= count)
    return pick(rows, often) if len(np.unique(rows.targets[often])) > 1 else None


def decide(answers: Mapping[str, Any], train: Examples, task: Task) -> Choice:
    """Return the encoder whose sum with the n-grams makes the train labels most likely; or n-grams alone.

    Of those that chance can't tell from it, the one that trains most of the encoder is returned: it gains most from
    the rows that cross-validation held back. This is the rule of one standard error, towards more training in place of
    less (Breiman et al. 1984, Classification and Regression Trees, section 3.4.3).

    Args:
        answers: Out-of-fold logits (N, L) of each option.
        train: Train rows.
        task: Kind, labels, metric, seed.
    """
    sums = {
        name: stack([logits, answers["linear"]], train.targets, task, PULL)
        for name, logits in answers.items()
        if name != "linear"
    }
    losses = {
        name: row_losses(np.tensordot(weights, np.stack([answers[name], answers["linear"]]), axes=1), train, task)
        for name, weights in sums.items()
    }
    best = min(losses, key=lambda name: losses[name].mean())
    chosen = next(name for name in MOST_TRAINED if name in losses and near(losses[name] - losses[best]))
    weights = normalised(sums[chosen])
    why = f"Of what was cross-validated, it makes the train labels most likely (log loss {losses[best].mean():.3f})."
    if chosen != best:
        why = (
            f"Its log loss ({losses[chosen].mean():.3f}) is within one standard error of the lowest ({best}, "
            f"{losses[best].mean():.3f}), and it gains most from the rows that cross-validation held back."
        )
    if weights[0] < ALONE:
        return {"option": "linear", "why": why}
    return {"option": chosen, "why": why, **({"weights": weights} if weights[1] >= ALONE else {})}


def row_losses(logits: np.ndarray, rows: Examples, task: Task) -> np.ndarray:
    """Return the negative log-likelihood of each row's target, (N,).

    Args:
        logits: Logits of the rows, (N, L).
        rows: The rows.
        task: Kind, labels, metric, seed.
    """
    each = ([k] for k in range(len(logits)))
    return np.array([task.kind.loss(logits[row], rows.targets[row]) for row in each])


def near(differences: np.ndarray) -> bool:
    """Return True if the mean of differences per row is at most one standard error above 0.

    Example:
        >>> near(np.array([0.1, -0.1, 0.2, -0.1])), near(np.array([0.1, 0.2, 0.1, 0.2]))
        (True, False)
    """
    return bool(differences.mean() <= differences.std(ddof=1) / np.sqrt(len(differences)))


def _tokens(model: Transformer, train: Examples) -> int:
    """Return roughly how many tokens one fit reads: its cost, known in advance and the same on every machine."""
    mean = sum(min(len(text) / LETTERS + 2, model.max_length) for text in train.texts) / len(train.texts)
    if model.contrastive:
        return round(mean * model.contrastive.batch_size * model.contrastive.steps)
    options = model.training
    return round(mean * max(options.min_steps * options.train_batch_size, options.num_train_epochs * len(train.texts)))


def tell(line: str) -> None:
    """Print a line on the progress of the choice; under `torchrun`, from the first process only."""
    from volant.workspace.terminal import Console

    if int(os.environ.get("RANK", "0")) == 0:
        Console().print(f"auto: {line}", markup=False, highlight=False, soft_wrap=True)
