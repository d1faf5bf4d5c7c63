"""The one training loop of the neural families, on the Trainer of `transformers`. Importing this imports torch.

Rows of like length share a batch, padded to their own longest; bf16 is used where the hardware multiplies it; the best
epoch on validation is kept; an interrupted training goes on from its last whole checkpoint; under
`torchrun` the processes share the batches, and the first one saves.
"""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import extract_model_from_parallel
from torch import nn
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from volant.kinds.rates import LOSSES
from volant.models.neural.batches import LengthGroups, collate, length
from volant.models.neural.checkpoints import (
    WholeCheckpoints,
    has_ended,
    last_checkpoint,
    load_best,
    state_of,
    together,
)
from volant.models.neural.hardware import has_bf16
from volant.models.neural.options import Training
from volant.models.neural.progress import progress


@dataclass(frozen=True)
class Goal:
    """What the loop works toward.

    Attributes:
        score: Validation logits (N, L) to metrics, `metric` among them.
        metric: The one that picks the epoch.
        seed: Of order and dropout.
    """

    score: Callable[[np.ndarray], Mapping[str, float]]
    metric: str
    seed: int


def train(
    net: nn.Module,
    train_rows: Sequence[dict[str, Any]],
    validation_rows: Sequence[dict[str, Any]],
    goal: Goal,
    options: Training,
    work: Path,
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Train `net` in place and leave it at its best epoch.

    Args:
        net: Takes a batch as keyword arguments, returns `loss` and `logits`.
        train_rows: One mapping a row: `input_ids` (list) or `pooled` (array), and `labels`.
        validation_rows: Likewise; they choose the epoch.
        goal: What an epoch is judged by.
        options: Hyper-parameters.
        work: Folder of checkpoints; what an interrupted training left there is taken up.

    Returns:
        The figures of each evaluation, and those of the one that was kept.
    """
    trainer = LengthGroupedTrainer(
        model=net,
        args=arguments(options, goal, len(train_rows), work),
        train_dataset=train_rows,  # pyright: ignore[reportArgumentType]
        eval_dataset=validation_rows,  # pyright: ignore[reportArgumentType]
        data_collator=collate,
        compute_metrics=lambda prediction: dict(goal.score(np.asarray(prediction.predictions, dtype=np.float32))),
        callbacks=[EarlyStoppingCallback(options.early_stopping_patience), WholeCheckpoints()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if options.progress:
        trainer.add_callback(progress(goal.metric))
    checkpoint = last_checkpoint(work)
    state = state_of(checkpoint) if checkpoint else None
    if state and has_ended(state):  # killed later, in the export: another step would be one too many
        load_best(net, work, state)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        state = trainer.state
        # a net that was trained in bf16 would go on computing, and be exported, with casts to bf16
        extract_model_from_parallel(net, keep_fp32_wrapper=False)
    together()  # the first process removes the checkpoints when it is done with all
    return history(state.log_history, state.best_global_step, goal.metric)


class LengthGroupedTrainer(Trainer):
    """The Trainer, told the lengths of rows that aren't a `datasets.Dataset`, and rates of learning."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset if train_dataset is not None else self.train_dataset
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroups([length(row) for row in rows], size, self.args.seed)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """As the Trainer's, but a parameter that has a `rate` learns at that share of the learning rate."""
        optimizer = super().create_optimizer(model)
        optimizer.param_groups = [
            {**group, "params": list(parameters), "lr": self.args.learning_rate * rate}
            for group in optimizer.param_groups
            for rate, parameters in groupby(sorted(group["params"], key=rate_of), key=rate_of)
        ]
        return optimizer


def rate_of(parameter: Any) -> float:
    """Share of the learning rate at which a parameter learns; `layer_rates` sets it."""
    return getattr(parameter, "rate", 1.0)


def arguments(options: Training, goal: Goal, rows: int, work: Path) -> TrainingArguments:
    """Our names in the terms of `transformers.TrainingArguments`."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # of torchrun
    steps = math.ceil(rows / (options.train_batch_size * options.gradient_accumulation_steps * processes))
    planned = math.ceil(steps * options.num_train_epochs)
    total = max(planned, options.min_steps)
    # rows too few for as many steps leave too few for validation to choose among epochs: it scores the end
    every = max(1, min(total, steps // options.evaluations_per_epoch)) if total == planned else total
    made = TrainingArguments(
        output_dir=str(work),
        learning_rate=options.learning_rate,
        num_train_epochs=options.num_train_epochs,
        max_steps=total if total > planned else -1,
        per_device_train_batch_size=options.train_batch_size,
        per_device_eval_batch_size=options.eval_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        warmup_steps=round(options.warmup_ratio * total),
        lr_scheduler_type=options.lr_scheduler_type,
        seed=goal.seed,
        use_cpu=not torch.cuda.is_available(),  # said aloud, or torchrun's processes each train alone
        ddp_find_unused_parameters=False,
        bf16=has_bf16() if options.bf16 is None else options.bf16,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        restore_callback_states_from_checkpoint=True,  # how long the metric has not been better
        logging_steps=every,
        load_best_model_at_end=True,
        metric_for_best_model=goal.metric,
        greater_is_better=goal.metric not in LOSSES,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to=[],
        disable_tqdm=True,  # `progress` shows how far it is
    )
    made._n_gpu = min(made.n_gpu, 1)  # or one process feeds all GPUs, with steps of another size; torchrun uses all
    return made


def history(
    log: list[dict[str, float]], best: int | None, metric: str
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """The Trainer's log as one mapping an evaluation, and that of the best step.

    Times are left out: a report of the same training has the same bytes.
    """
    rows: dict[float, dict[str, float]] = {}
    for entry in log:
        row = rows.setdefault(entry["step"], {"step": entry["step"], "epoch": round(entry["epoch"], 4)})
        if "loss" in entry:
            row |= {"train_loss": round(entry["loss"], 6), "learning_rate": entry["learning_rate"]}
        row |= {
            name.replace("eval_", "val_"): round(value, 6)
            for name, value in entry.items()
            if name.startswith("eval_") and not re.search("runtime|per_second|model_preparation_time", name)
        }
    evaluated = [row for row in rows.values() if f"val_{metric}" in row]
    return evaluated, next((row for row in evaluated if row["step"] == best), evaluated[-1])
