"""How a training shows its progress: a bar in a terminal, a few lines in a log file."""

import sys
import time
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback
from transformers.trainer_callback import ProgressCallback

from volant.workspace.terminal import Console

FIRST = 20  # steps after which the remaining time can be estimated
PARTS = 10  # lines of a whole training, one for each tenth
EVERY = 30.0  # seconds after which there is a line anyway
WAIT = 2.0  # seconds before a bar is worth a line


def progress(metric: str) -> TrainerCallback:
    """Return the callback for standard error: a bar where it is a terminal, else lines.

    Args:
        metric: That is shown at each validation.
    """
    return Bar(metric) if sys.stderr.isatty() else Lines(metric)


def bar(total: int, what: str, unit: str, disable: bool = False) -> tqdm:
    """Return a progress bar of what is no training: in a log file, a line every 30 seconds.

    Args:
        total: Units.
        what: Is done.
        unit: Name of one.
        disable: Show nothing.
    """
    every = 0.1 if sys.stderr.isatty() else EVERY
    return tqdm(total=total, desc=what, unit=unit, delay=WAIT, mininterval=every, disable=disable)


def validated(state: Any, logs: Any, metric: str) -> str | None:
    """Return the line of a validation; None for another entry of the Trainer's log."""
    if not logs or f"eval_{metric}" not in logs:
        return None
    score = float(logs[f"eval_{metric}"])
    loss = float(logs["eval_loss"])
    return f"epoch {state.epoch:.2f} of {state.num_train_epochs}: validation {metric} {score:.4f}, loss {loss:.4f}"


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    Example:
        >>> duration(42), duration(200)
        ('42 s', '3 min')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class Bar(ProgressCallback):
    """The Trainer's progress bar, with one readable line for each validation instead of raw logs."""

    def __init__(self, metric: str) -> None:
        super().__init__()
        self._metric = metric

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer for every entry of its log."""
        line = validated(state, logs, self._metric)
        if self.training_bar is not None and line:
            self.training_bar.write(line)


class Lines(TrainerCallback):
    """A line after the first steps, for each tenth of the training or every 30 seconds, and for each validation."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._console = Console(stderr=True)
        self._start = 0.0
        self._first = 0
        self._shown = 0.0
        self._part = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer before the first step, which is not 0 where a training is resumed."""
        self._start = self._shown = time.monotonic()
        self._first = state.global_step
        self._part = PARTS * state.global_step // max(state.max_steps, 1)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer after each step."""
        now = time.monotonic()
        done = state.global_step - self._first
        part = PARTS * state.global_step // max(state.max_steps, 1)
        if state.is_world_process_zero and (done == FIRST or part > self._part or now - self._shown >= EVERY):
            self._shown = now
            self._part = part
            left = (now - self._start) / done * (state.max_steps - state.global_step)
            self._print(f"step {state.global_step} of {state.max_steps}, about {duration(left)} left")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Called by the Trainer for every entry of its log."""
        if line := validated(state, logs, self._metric):
            self._print(line)

    def _print(self, line: str) -> None:
        self._console.print(f"train: {line}", markup=False, highlight=False, soft_wrap=True)
