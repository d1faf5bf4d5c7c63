"""The family that chooses a model by itself: where rows are few, by cross-validation of four on the train rows.

With few rows it is open which is best: words that name the label favour n-grams, other words of the same meaning an
encoder. Where rows are many, a fine-tuned encoder is the most accurate, and cross-validation would take hours.
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
from volant.models.blend import beside, stack
from volant.models.folds import deal, pick
from volant.models.linear import Linear
from volant.models.transformer import Transformer

Choice = dict[str, Any]
ALONE = 0.1  # weight below which a part adds nothing: it is left out
PULL = 1.0  # rows that a plain sum of encoder and n-grams counts for where they are weighed
LETTERS = 4  # a token, about
CHEAP = ("linear", "frozen")  # cross-validated in seconds
DEAR = ("contrastive", "full")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Auto:
    """Linear, frozen encoder, contrastive or full fine-tuning: what cross-validation says where rows are few.

    An encoder is judged with the n-grams beside it, weighed on the same answers, since it is served so.

    Attributes:
        most_rows: Train rows up to which is cross-validated; above, `full` is taken.
        folds: Parts of the train rows, each answered by what was fitted on the others.
        full_from: Train rows a label from which `full` is cross-validated too; with fewer, `contrastive` is better.
        most_tokens: Tokens that the cross-validation of `contrastive` or `full` may read; above, it is left out.
        linear: The linear model, as in `conf/model/linear.yaml`; like the others with its `_target_`.
        frozen: The encoder as it is, with a solved head.
        contrastive: The encoder fine-tuned on pairs of rows, with a solved head.
        full: The encoder fine-tuned as a whole, with a head that is trained.
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
        """Refuse an option that is none of its family.

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
        """The four by name."""
        return {name: build(getattr(self, name), f"model.{name}") for name in (*CHEAP, *DEAR)}

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Choose, then fit what was chosen; see `volant.models.Model.fit`."""
        choice = self.choose(train, task)
        models = self.models
        tell(f"chosen: {choice['option']}{' and n-grams' if 'weights' in choice else ''}. {choice['why']}")
        fitted = models[choice["option"]].fit(train, validation, task, folder, work)
        if "weights" in choice:
            other = models["linear"].fit(train, validation, task, folder, work)
            fitted = beside(fitted, other, validation, task, folder, choice["weights"])
        return replace(fitted, choice={**choice, "family": models[choice["option"]].family})

    def choose(self, train: Examples, task: Task) -> Choice:
        """Which option is taken and why, with the scores of cross-validation and the weights of a blend, if any.

        Raises:
            VolantError: If several processes of torchrun would cross-validate.
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
        answers, scores = {}, {}
        for name in (*CHEAP, *DEAR):
            if name in DEAR and not self._is_candidate(name, train, task, answers):
                continue
            answers[name] = self.models[name].out_of_fold(train, folds, task)
            scores[name] = round(task.score(answers[name], train)[task.metric], 4)
            tell(f"{len(train.texts)} train rows in {self.folds} folds: {name} {task.metric} {scores[name]:.3f}")
        return {**decide(answers, train, task), "rows": len(train.texts), "folds": self.folds, "scores": scores}

    def _is_candidate(self, name: str, train: Examples, task: Task, answers: Mapping[str, Any]) -> bool:
        """Whether an option that costs minutes may be worth them."""
        weights, _ = stack([answers["frozen"], answers["linear"]], train.targets, task, PULL)
        if weights[0] < ALONE:
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
    """The rows whose label has `count` rows or more, as only those can be in each fold; None where no two labels do.

    Rows of several labels all stay: each of their labels is a problem of its own.
    """
    if rows.targets.ndim > 1:
        return rows if len(rows.texts) >= count else None
    often = np.flatnonzero(np.bincount(rows.targets)[rows.targets] >= count)
    return pick(rows, often) if len(np.unique(rows.targets[often])) > 1 else None


def decide(answers: Mapping[str, Any], train: Examples, task: Task) -> Choice:
    """The encoder whose sum with the n-grams makes the train labels most likely; or n-grams alone.

    Args:
        answers: Logits (N, L) of each option, by what was fitted without the row.
        train: Train rows.
        task: Kind, labels, metric, seed.
    """
    found = {
        name: stack([logits, answers["linear"]], train.targets, task, PULL)
        for name, logits in answers.items()
        if name != "linear"
    }
    best = min(found, key=lambda name: found[name][1])
    weights, loss = found[best]
    why = f"Of what was cross-validated, it makes the train labels most likely (log loss {loss:.3f})."
    if weights[0] < ALONE:
        return {"option": "linear", "why": why}
    return {"option": best, "why": why, **({"weights": weights} if weights[1] >= ALONE else {})}


def _tokens(model: Transformer, train: Examples) -> int:
    """About how many tokens one fit reads: what it costs, known before it runs and the same on every machine."""
    mean = sum(min(len(text) / LETTERS + 2, model.max_length) for text in train.texts) / len(train.texts)
    if model.contrastive:
        return round(mean * model.contrastive.batch_size * model.contrastive.steps)
    options = model.training
    return round(mean * max(options.min_steps * options.train_batch_size, options.num_train_epochs * len(train.texts)))


def tell(line: str) -> None:
    """Print a line on how the choice goes; under `torchrun` the first process does."""
    from volant.workspace.terminal import Console

    if int(os.environ.get("RANK", "0")) == 0:
        Console().print(f"auto: {line}", markup=False, highlight=False, soft_wrap=True)
