"""Hyper-parameters of the training loop, named as users of `transformers` know them."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT

__all__ = ["Contrastive", "Logistic", "Training"]


@dataclass(frozen=True, config=STRICT)
class Training:
    """How a neural model is trained; the metric that picks the epoch and the seed are the flywheel's.

    Attributes:
        learning_rate: Highest learning rate, reached after the warm-up.
        num_train_epochs: Passes over the train rows at most.
        min_steps: Steps at least: where the epochs are fewer, since rows are few, they are repeated up to this number,
            and validation, which then has few rows too, scores the end only.
        train_batch_size: Rows a step and device.
        eval_batch_size: Rows a step when validating.
        gradient_accumulation_steps: Steps whose gradients are added before the weights move.
        warmup_ratio: Share of the training in which the learning rate rises.
        lr_scheduler_type: How it falls afterwards.
        weight_decay: Pull of the weights toward zero.
        max_grad_norm: Gradients longer than this are shortened to it.
        evaluations_per_epoch: Validations, and checkpoints, an epoch.
        early_stopping_patience: Stop after this many validations without a better metric.
        class_weights: Weigh rare labels up.
        label_smoothing: Share of probability spread over the other labels, where a text has one.
        bf16: Multiply in bfloat16; null: where the CPU or GPU has it.
        progress: Show a progress bar.
    """

    learning_rate: float = Field(default=5e-5, gt=0)
    num_train_epochs: float = Field(default=3, gt=0)
    min_steps: int = Field(default=60, ge=1)
    train_batch_size: int = Field(default=32, ge=1)
    eval_batch_size: int = Field(default=64, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    evaluations_per_epoch: int = Field(default=1, ge=1)
    early_stopping_patience: int = Field(default=2, ge=1)
    class_weights: bool = False
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    bf16: bool | None = None
    progress: bool = True


@dataclass(frozen=True, config=STRICT)
class Logistic:
    """A logistic regression on an encoder's states, solved to its optimum in place of a head that is trained by steps.

    Attributes:
        c: Inverse regularisation strength; larger fits more closely.
        class_weights: Weigh rare labels up.
        max_iter: Iterations of the solver at most.
    """

    c: float = Field(default=1.0, gt=0)
    class_weights: bool = True
    max_iter: int = Field(default=1000, ge=1)


@dataclass(frozen=True, config=STRICT)
class Contrastive:
    """How an encoder learns from pairs of rows: those of one label move together, those of two apart.

    Attributes:
        steps: Steps, whatever the number of rows.
        batch_size: Rows a step; each two of them are a pair.
        learning_rate: Highest learning rate, reached after the warm-up; it falls to 0 afterwards.
        warmup_ratio: Share of the steps in which the learning rate rises.
        weight_decay: Pull of the weights toward zero.
        max_grad_norm: Gradients longer than this are shortened to it.
        bf16: Multiply in bfloat16; null: where the CPU or GPU has it.
    """

    steps: int = Field(default=40, ge=1)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=3e-4, gt=0)
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    bf16: bool | None = None
