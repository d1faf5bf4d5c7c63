"""Checkpoints that survive a kill at any moment, and how a training resumes from them. Importing this imports torch.

A checkpoint counts once it is marked as complete, after its last file. Only then are older ones removed, their mark
before their files.
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
    """The callback that marks each complete checkpoint, and then removes all but it and the best one."""

    def on_save(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint and remove others; the Trainer calls this in every process after its last file.

        Args:
            args: Arguments of the Trainer, with its `output_dir`.
            state: State of the Trainer, with the last and the best step.
            control: Not used.
        """
        wait_for_all()  # each process writes its own files
        if not state.is_world_process_zero:
            return
        work = Path(args.output_dir)
        current = [work / f"checkpoint-{step}" for step in (state.global_step, state.best_global_step)]
        (current[0] / WHOLE).touch()
        for folder in work.glob("checkpoint-*"):
            if folder not in current:
                _remove(folder)


def last_checkpoint(work: Path) -> Path | None:
    """Return the newest complete checkpoint of `work`, or None; the first process removes incomplete ones."""
    newest = None
    for folder in sorted(work.glob("checkpoint-*"), key=lambda f: int(re.sub(r"\D", "", f.name) or 0)):
        if (folder / WHOLE).exists():
            newest = folder
        elif first_process():
            _remove(folder)
    return newest


def state_of(checkpoint: Path) -> TrainerState:
    """Return the Trainer's state in a checkpoint."""
    return TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))


def has_ended(state: TrainerState) -> bool:
    """Return True if training had ended at this state, early or not, before the process was killed."""
    callbacks: Any = state.stateful_callbacks  # declared as a list, but the state turns it into a mapping
    return bool(callbacks["TrainerControl"]["args"]["should_training_stop"])


def load_best(net: nn.Module, work: Path, state: TrainerState) -> None:
    """Load the weights of the best checkpoint into a net, as the Trainer does when it ends.

    Args:
        net: Net to load into.
        work: Folder of checkpoints.
        state: State of the Trainer, with the best step.
    """
    step = state.best_global_step or state.global_step
    load_model(net, work / f"checkpoint-{step}" / SAFE_WEIGHTS_NAME)


def first_process() -> bool:
    """Return True in the process that writes; under `torchrun` the others only compute."""
    return int(os.environ.get("RANK", "0")) == 0


def wait_for_all() -> None:
    """Wait for the other processes of `torchrun`, if there are any."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()


def _remove(folder: Path) -> None:
    """Remove a checkpoint so that an incomplete one is never marked as complete."""
    (folder / WHOLE).unlink(missing_ok=True)
    shutil.rmtree(folder)
