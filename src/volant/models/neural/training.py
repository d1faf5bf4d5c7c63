"""The one training loop of the neural families, on the Trainer of `transformers`. Importing this imports torch.

Rows of like length share a batch, padded to their own longest; bf16 is used where the hardware multiplies it; the best
epoch on validation is kept; an interrupted training goes on from its last whole checkpoint; under
`torchrun` the processes share the batches, and the first one saves.
"""

import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.trainer_pt_utils import get_length_grouped_indices

from volant.models.neural.options import Training

Score = Callable[[np.ndarray], Mapping[str, float]]


def train(
    net: nn.Module,
    train_rows: Sequence[dict[str, Any]],
    validation_rows: Sequence[dict[str, Any]],
    score: Score,
    options: Training,
    work: Path,
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Train `net` in place and leave it at its best epoch.

    Args:
        net: Takes a batch as keyword arguments, returns `loss` and `logits`.
        train_rows: One mapping a row: `input_ids` (list) or `pooled` (array), and `labels`.
        validation_rows: Likewise; they choose the epoch.
        score: Validation logits (N, L) to metrics, `options.metric` among them.
        options: Hyper-parameters.
        work: Folder of checkpoints; what an interrupted training left there is taken up.

    Returns:
        The figures of each evaluation, and those of the one that was kept.
    """
    trainer = LengthGroupedTrainer(
        model=net,
        args=arguments(options, len(train_rows), work),
        train_dataset=train_rows,  # pyright: ignore[reportArgumentType]
        eval_dataset=validation_rows,  # pyright: ignore[reportArgumentType]
        data_collator=collate,
        compute_metrics=lambda prediction: dict(score(np.asarray(prediction.predictions, dtype=np.float32))),
        callbacks=[EarlyStoppingCallback(options.early_stopping_patience), WholeCheckpoints()],
    )
    trainer.remove_callback(PrinterCallback)
    if options.progress:
        trainer.pop_callback(ProgressCallback)
        trainer.add_callback(Bar(options.metric))
    trainer.train(resume_from_checkpoint=last_checkpoint(work))
    return history(trainer.state.log_history, trainer.state.best_metric, options.metric)


class LengthGroupedTrainer(Trainer):
    """The Trainer, told the lengths of rows that aren't a `datasets.Dataset`."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset if train_dataset is not None else self.train_dataset
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return LengthGroups([length(row) for row in rows], size, self.args.seed)


class LengthGroups(Sampler[int]):
    """Row numbers in a new order each epoch, rows of like length beside each other.

    The order depends on seed and epoch alone, so that a training that goes on from a checkpoint sees the same batches.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed, self._epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate at the start of each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1009 + self._epoch)
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=generator))


class WholeCheckpoints(TrainerCallback):
    """Marks a checkpoint as whole once all of it is written, so that a killed one is never taken up."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer after its last file of a checkpoint."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if folder.exists():
            (folder / WHOLE).touch()


class Bar(ProgressCallback):
    """The Trainer's progress bar, with one readable line for each validation instead of raw logs."""

    def __init__(self, metric: str) -> None:
        super().__init__()
        self._metric = metric

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer for every entry of its log."""
        if self.training_bar is not None and logs and f"eval_{self._metric}" in logs:
            score, loss = float(logs[f"eval_{self._metric}"]), float(logs["eval_loss"])
            epoch = f"epoch {state.epoch:.2f} of {state.num_train_epochs}"
            self.training_bar.write(f"{epoch}: validation {self._metric} {score:.4f}, loss {loss:.4f}")


WHOLE = "whole"


def last_checkpoint(work: Path) -> str | None:
    """The newest whole checkpoint of `work`; removes what a kill left half-written."""
    newest = None
    for folder in sorted(work.glob("checkpoint-*"), key=lambda f: int(re.sub(r"\D", "", f.name) or 0)):
        if (folder / WHOLE).exists():
            newest = str(folder)
        else:
            shutil.rmtree(folder)
    return newest


def arguments(options: Training, rows: int, work: Path) -> TrainingArguments:
    """Our names in the terms of `transformers.TrainingArguments`."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # of torchrun
    steps = math.ceil(rows / (options.train_batch_size * options.gradient_accumulation_steps * processes))
    total = math.ceil(steps * options.num_train_epochs)
    every = max(1, min(total, steps // options.evaluations_per_epoch))
    return TrainingArguments(
        output_dir=str(work),
        learning_rate=options.learning_rate,
        num_train_epochs=options.num_train_epochs,
        per_device_train_batch_size=options.train_batch_size,
        per_device_eval_batch_size=options.eval_batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        warmup_steps=round(options.warmup_ratio * total),
        lr_scheduler_type=options.lr_scheduler_type,
        seed=options.seed,
        use_cpu=not torch.cuda.is_available(),  # said aloud, or torchrun's processes each train alone
        ddp_find_unused_parameters=False,
        bf16=has_bf16() if options.bf16 is None else options.bf16,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=1,
        logging_steps=every,
        load_best_model_at_end=True,
        metric_for_best_model=options.metric,
        greater_is_better=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to=[],
        disable_tqdm=not options.progress,
    )


def has_bf16() -> bool:
    """Whether bf16 is multiplied in hardware; elsewhere it is emulated and many times slower than fp32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch: ids padded with 0 to the longest row and their mask, or stacked states; and the labels."""
    labels = torch.as_tensor(np.array([row["labels"] for row in rows]))
    if "pooled" in rows[0]:
        return {"pooled": torch.as_tensor(np.stack([row["pooled"] for row in rows])), "labels": labels}
    return {**pad([row["input_ids"] for row in rows]), "labels": labels}


def pad(ids: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Token ids and mask, each (B, T) with T the longest row. The mask hides the padding, so any id would do."""
    tensors = [torch.as_tensor(row, dtype=torch.long) for row in ids]
    return {
        "input_ids": nn.utils.rnn.pad_sequence(tensors, batch_first=True),
        "attention_mask": nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in tensors], batch_first=True),
    }


def length(row: Mapping[str, Any]) -> int:
    """Tokens of a row; 1 where its states were computed before."""
    return len(row["input_ids"]) if "input_ids" in row else 1


def history(
    log: list[dict[str, float]], best: float | None, metric: str
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """The Trainer's log as one mapping an evaluation, and the one whose metric is the best.

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
    kept = next(
        (row for row in evaluated if best is not None and abs(row[f"val_{metric}"] - best) < 1e-6),
        evaluated[-1],
    )
    return evaluated, kept
