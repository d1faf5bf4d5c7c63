"""What a training prints where nobody watches a bar: few lines, with the time that is left."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from volant.models.neural import progress
from volant.models.neural.progress import Lines


def run(lines: Lines, steps: int, of: int, begin: int = 0) -> None:
    state: Any = SimpleNamespace(global_step=begin, max_steps=of, is_world_process_zero=True, epoch=0.5)
    state.num_train_epochs = 1
    lines.on_train_begin(None, state, None)
    for step in range(begin + 1, begin + steps + 1):
        state.global_step = step
        lines.on_step_end(None, state, None)
    lines.on_log(None, state, None, logs={"eval_f1": 0.75, "eval_loss": 0.5})
    lines.on_log(None, state, None, logs={"loss": 0.5})


def test_a_line_for_each_tenth_and_one_after_the_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    run(Lines("f1"), 1000, 1000)
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "train: step 20 of 1000, about 0 s left"
    assert [line.split()[2] for line in shown[1:11]] == [str(100 * k) for k in range(1, 11)]
    assert shown[11:] == ["train: epoch 0.50 of 1: validation f1 0.7500, loss 0.5000"]


def test_a_slow_training_has_a_line_every_thirty_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 12))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    run(Lines("f1"), 9, 1000)
    shown = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in shown[:-1]] == ["3", "6", "9"]
    assert shown[0].endswith("about 199 min left")


def test_a_resumed_training_counts_from_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    run(Lines("f1"), 100, 1000, begin=500)
    shown = capsys.readouterr().err.splitlines()
    assert [line.split()[2] for line in shown[:-1]] == ["520", "600"]


def test_a_bar_in_a_log_file_is_no_line_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar(200, "encoding once", "text") as shown:
        for _ in range(200):
            shown.update()
            time.sleep(0.0001)
    assert len(capsys.readouterr().err.replace("\r", "\n").splitlines()) <= 2
