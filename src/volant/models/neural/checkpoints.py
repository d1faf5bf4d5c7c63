"""Checkpoints that outlive a kill at any moment, and what the next attempt takes up. Importing this imports torch.

A checkpoint counts once it is marked as whole: after its last file. The ones before it are given up only then, and
lose their mark before their files.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_model
from torch import distributed, nn
from transformers import TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_NAME

WHOLE = "whole"


class WholeCheckpoints(TrainerCallback):
    """Marks a checkpoint as whole once all of it is written; then only it and the best one stay."""

    def on_save(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer, in every process, after its last file of a checkpoint."""
        together()  # each process writes a file of its own
        if not state.is_world_process_zero:
            return
        work = Path(args.output_dir)
        kept = [work / f"checkpoint-{step}" for step in (state.global_step, state.best_global_step)]
        (kept[0] / WHOLE).touch()
        for folder in work.glob("checkpoint-*"):
            if folder not in kept:
                _remove(folder)


def last_checkpoint(work: Path) -> Path | None:
    """The newest whole checkpoint of `work`; the first process removes what a kill left half-written."""
    newest = None
    for folder in sorted(work.glob("checkpoint-*"), key=lambda f: int(re.sub(r"\D", "", f.name) or 0)):
        if (folder / WHOLE).exists():
            newest = folder
        elif first_process():
            _remove(folder)
    return newest


def state_of(checkpoint: Path) -> TrainerState:
    """What the Trainer knew when it saved a checkpoint."""
    return TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))


def has_ended(state: TrainerState) -> bool:
    """Whether training was to stop there, early or not: what was killed afterwards is not the training."""
    callbacks: Any = state.stateful_callbacks  # declared a list, and turned into a mapping by the state itself
    return bool(callbacks["TrainerControl"]["args"]["should_training_stop"])


def load_best(net: nn.Module, work: Path, state: TrainerState) -> None:
    """Give a net the weights of the best checkpoint, as the Trainer does when it ends."""
    step = state.best_global_step or state.global_step
    load_model(net, work / f"checkpoint-{step}" / SAFE_WEIGHTS_NAME)


def first_process() -> bool:
    """Whether this is the process that writes; under `torchrun` the others only compute."""
    return int(os.environ.get("RANK", "0")) == 0


def together() -> None:
    """Wait for the other processes of `torchrun`, if there are any."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()


def _remove(folder: Path) -> None:
    """Remove a checkpoint so that half of it never looks whole."""
    (folder / WHOLE).unlink(missing_ok=True)
    shutil.rmtree(folder)
