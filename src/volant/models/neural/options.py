"""Hyper-parameters of the training loop, with the names that `transformers` uses."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT

__all__ = ["Contrastive", "Logistic", "Training"]


@dataclass(frozen=True, config=STRICT)
class Training:
    """Hyper-parameters of neural training; the metric that selects the epoch and the seed are the flywheel's.

    Attributes:
        learning_rate: Highest learning rate, reached after the warm-up.
        num_train_epochs: Largest number of passes over the train rows.
        min_steps: Smallest number of steps: with few rows the epochs are repeated up to this number, and validation,
            which then has few rows too, evaluates the end only.
        train_batch_size: Rows per step and device.
        eval_batch_size: Rows per step of validation.
        gradient_accumulation_steps: Batches whose gradients are added before the weights change.
        warmup_ratio: Share of the training in which the learning rate rises.
        lr_scheduler_type: Shape of its decay afterwards.
        weight_decay: Strength of the pull of the weights toward zero.
        max_grad_norm: Norm to which longer gradients are clipped.
        evaluations_per_epoch: Validations, and checkpoints, per epoch.
        early_stopping_patience: Validations without improvement after which training stops.
        class_weights: Give rare labels more weight.
        label_smoothing: Share of probability spread over the other labels, for one label per text.
        bf16: Multiply in bfloat16; null: if the CPU or GPU supports it.
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
    """A logistic regression on an encoder's states, solved to its optimum instead of a head trained by steps.

    Attributes:
        c: Inverse regularisation strength; larger fits more closely.
        class_weights: Give rare labels more weight.
        max_iter: Largest number of iterations of the solver.
    """

    c: float = Field(default=1.0, gt=0)
    class_weights: bool = True
    max_iter: int = Field(default=1000, ge=1)


@dataclass(frozen=True, config=STRICT)
class Contrastive:
    """Hyper-parameters of contrastive fine-tuning: rows of the same label move together, others apart.

    Attributes:
        steps: Number of steps, whatever the number of rows.
        batch_size: Rows per step; all pairs of them are compared.
        learning_rate: Highest learning rate, reached after the warm-up; it falls to 0 afterwards.
        warmup_ratio: Share of the steps in which the learning rate rises.
        weight_decay: Strength of the pull of the weights toward zero.
        max_grad_norm: Norm to which longer gradients are clipped.
        bf16: Multiply in bfloat16; null: if the CPU or GPU supports it.
    """

    steps: int = Field(default=40, ge=1)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=3e-4, gt=0)
    warmup_ratio: float = Field(default=0.1, ge=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    bf16: bool | None = None
