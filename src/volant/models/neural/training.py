"""The training loop of the neural families, on the Trainer of `transformers`. Importing this imports torch.

Rows of similar length share a batch, padded to its longest; bf16 is used if the hardware multiplies it; the best epoch
on validation is selected; an interrupted training resumes from its last complete checkpoint; under `torchrun` the
processes share the batches, and the first one saves.
"""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import extract_model_from_parallel
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from volant.kinds.rates import lower_is_better
from volant.models.neural.batches import LengthGroups, collate, length
from volant.models.neural.checkpoints import (
    WholeCheckpoints,
    has_ended,
    last_checkpoint,
    load_best,
    state_of,
    wait_for_all,
)
from volant.models.neural.hardware import multiplies_bf16
from volant.models.neural.options import Training
from volant.models.neural.progress import progress


@dataclass(frozen=True)
class Goal:
    """The objective of the training loop.

    Attributes:
        score: Function from the outputs of validation, arrays (N, …), to metrics, `metric` among them.
        metric: Name of the metric that selects the epoch.
        seed: Seed of row order and dropout.
    """

    score: Callable[[Sequence[np.ndarray]], Mapping[str, float]]
    metric: str
    seed: int


def train(
    net: Any,
    train_rows: Sequence[dict[str, Any]],
    validation_rows: Sequence[dict[str, Any]],
    goal: Goal,
    options: Training,
    work: Path,
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Train `net` in place and leave it at its best epoch.

    Args:
        net: Takes a batch as keyword arguments, returns `loss` and outputs; its `head` stacks the labels.
        train_rows: One mapping per row: `input_ids` (list) or `pooled` (array), and `labels`.
        validation_rows: The same for validation; they select the epoch.
        goal: Objective that selects the epoch.
        options: Hyper-parameters.
        work: Folder of checkpoints, from which an interrupted training resumes.

    Returns:
        The metrics of each evaluation, and those of the selected one.
    """
    order = np.argsort([length(row) for row in validation_rows], kind="stable")  # little padding in validation too
    places = np.argsort(order)

    def metrics(prediction: Any) -> dict[str, float]:
        outputs = prediction.predictions
        arrays = outputs if isinstance(outputs, tuple) else (outputs,)
        return dict(goal.score([np.asarray(array, dtype=np.float32)[places] for array in arrays]))

    trainer = LengthGroupedTrainer(
        model=net,
        args=arguments(options, goal, len(train_rows), work),
        train_dataset=train_rows,  # pyright: ignore[reportArgumentType]
        eval_dataset=[validation_rows[row] for row in order],  # pyright: ignore[reportArgumentType]
        data_collator=partial(collate, net.head.stack),
        compute_metrics=metrics,
        callbacks=[EarlyStoppingCallback(options.early_stopping_patience), WholeCheckpoints()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if options.progress:
        trainer.add_callback(progress(goal.metric))
    checkpoint = last_checkpoint(work)
    state = state_of(checkpoint) if checkpoint else None
    if state and has_ended(state):  # killed later, in the export: no further step
        load_best(net, work, state)
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        state = trainer.state
        # else a net trained in bf16 would compute, and be exported, with casts to bf16
        extract_model_from_parallel(net, keep_fp32_wrapper=False)
    wait_for_all()  # the first process removes the checkpoints when it has finished
    return history(state.log_history, state.best_global_step, goal.metric)


class LengthGroupedTrainer(Trainer):
    """A Trainer with batches of similar length, for rows that aren't a `datasets.Dataset`, and rates per parameter."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset if train_dataset is not None else self.train_dataset
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroups([length(row) for row in rows], size, self.args.seed)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return the Trainer's optimizer, with a parameter's `rate` (1 by default) as a factor of its learning rate."""
        optimizer = super().create_optimizer(model)
        optimizer.param_groups = [
            {**group, "params": list(parameters), "lr": self.args.learning_rate * rate}
            for group in optimizer.param_groups
            for rate, parameters in groupby(sorted(group["params"], key=rate_of), key=rate_of)
        ]
        return optimizer


def rate_of(parameter: Any) -> float:
    """Return the factor of a parameter's learning rate, which `layer_rates` sets; 1 by default."""
    return getattr(parameter, "rate", 1.0)


def arguments(options: Training, goal: Goal, rows: int, work: Path) -> TrainingArguments:
    """Translate the options into `transformers.TrainingArguments`.

    Args:
        options: Hyper-parameters.
        goal: Objective that selects the epoch.
        rows: Number of train rows.
        work: Folder of checkpoints.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # set by torchrun
    steps = math.ceil(rows / (options.train_batch_size * options.gradient_accumulation_steps * processes))
    planned = math.ceil(steps * options.num_train_epochs)
    total = max(planned, options.min_steps)
    # if `min_steps` applies, validation has too few rows to choose among epochs: it evaluates the end only
    every = max(1, min(total, steps // options.evaluations_per_epoch)) if total == planned else total
    result = TrainingArguments(
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
        use_cpu=not torch.cuda.is_available(),  # set explicitly, else torchrun's processes each train alone
        ddp_find_unused_parameters=False,
        bf16=multiplies_bf16(options.bf16),
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        restore_callback_states_from_checkpoint=True,  # the count of validations without improvement
        logging_steps=every,
        load_best_model_at_end=True,
        metric_for_best_model=goal.metric,
        greater_is_better=not lower_is_better(goal.metric),
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to=[],
        disable_tqdm=True,  # `progress` replaces it
    )
    result._n_gpu = min(result.n_gpu, 1)  # else one process feeds all GPUs, with a larger step; torchrun uses all
    return result


def history(
    log: list[dict[str, float]], best: int | None, metric: str
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Return the Trainer's log as one mapping per evaluation, and that of the best step.

    Times are left out, so that a report of the same training has the same bytes.

    Args:
        log: Log of the Trainer.
        best: The best step; the last evaluation is returned if it is None.
        metric: Name of the metric that selects the epoch.
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
