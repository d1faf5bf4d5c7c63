"""The training loop itself, on a head alone and validation figures that are written down beforehand: about 10 s."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerState

from volant.models.neural import checkpoints
from volant.models.neural.checkpoints import WHOLE, WholeCheckpoints, last_checkpoint
from volant.models.neural.heads import HeadOnly, HeadOptions, TextHead
from volant.models.neural.options import Training
from volant.models.neural.training import Goal, train

ROWS = [{"pooled": row, "labels": k % 2} for k, row in enumerate(np.random.default_rng(0).normal(size=(12, 4)))]
RISING = [0.1, 0.2, 0.3, 0.4, 0.5]


class KilledError(Exception):
    """As a kill would: nothing after it is done."""


def figures_of(figures: Sequence[float | type[Exception]], metric: str) -> Any:
    """A score that gives one figure after the other."""
    left = list(figures)

    def score(_: np.ndarray) -> dict[str, float]:
        value = left.pop(0)
        if isinstance(value, type):
            raise value
        return {metric: value}

    return score


def fit(work: Path, figures: Sequence[Any], *, metric: str = "accuracy", patience: int = 2, epochs: float = 5) -> Any:
    """Figures of every epoch, of the one that was kept, and the weights at the end."""
    torch.manual_seed(1)
    net = HeadOnly(TextHead(4, {"logits": 2}, HeadOptions(0.5)))
    options = Training(
        learning_rate=0.1,
        train_batch_size=4,
        num_train_epochs=epochs,
        min_steps=1,
        early_stopping_patience=patience,
        progress=False,
    )
    rows = [{**row, "pooled": row["pooled"].astype(np.float32)} for row in ROWS]
    history, best = train(net, rows, rows, Goal(figures_of(figures, metric), metric, seed=3), options, work)
    return history, best, {name: value.tolist() for name, value in net.state_dict().items()}


def test_of_a_loss_the_lowest_is_kept_and_higher_ones_stop(tmp_path: Path) -> None:
    history, best, _ = fit(tmp_path, [0.5, 0.2, 0.3, 0.4, 0.1], metric="hamming_loss")
    assert [row["val_hamming_loss"] for row in history] == [0.5, 0.2, 0.3, 0.4]
    assert best["val_hamming_loss"] == 0.2


def test_killed_after_a_worse_epoch_it_stops_where_it_would_have(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", [0.5, 0.4, 0.3, 0.9, 1.0])
    assert [row["val_accuracy"] for row in whole[0]] == [0.5, 0.4, 0.3]
    with pytest.raises(KilledError):
        fit(tmp_path / "cut", [0.5, 0.4, KilledError])
    assert fit(tmp_path / "cut", [0.3, 0.9, 1.0]) == whole


@pytest.mark.parametrize(
    ("figures", "epochs"), [([0.5, 0.4, 0.3], 5), (RISING, 5), ([0.1, 0.2], 1.5)], ids=["early", "all", "half an epoch"]
)
def test_killed_in_the_export_it_trains_no_further(figures: list[float], epochs: float, tmp_path: Path) -> None:
    whole = fit(tmp_path, figures, epochs=epochs)
    assert fit(tmp_path, [], epochs=epochs) == whole  # a score more would fail: there is none


def test_killed_before_a_checkpoint_is_whole_the_one_before_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(tmp_path / "whole", RISING)
    on_save = WholeCheckpoints.on_save

    def killed(self: Any, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step == 6:
            raise KilledError
        on_save(self, args, state, control, **more)

    with monkeypatch.context() as patch:
        patch.setattr(WholeCheckpoints, "on_save", killed)
        with pytest.raises(KilledError):
            fit(tmp_path / "cut", RISING)
    assert last_checkpoint(tmp_path / "cut") == tmp_path / "cut" / "checkpoint-3"
    assert fit(tmp_path / "cut", RISING[1:]) == whole


def test_killed_while_an_old_checkpoint_is_removed_the_new_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(tmp_path / "whole", RISING)

    def halfway(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "rmtree", halfway)
        with pytest.raises(KilledError):
            fit(tmp_path / "cut", RISING)
    assert (tmp_path / "cut" / "checkpoint-3").exists()
    assert last_checkpoint(tmp_path / "cut") == tmp_path / "cut" / "checkpoint-6"
    assert not (tmp_path / "cut" / "checkpoint-3").exists()
    assert fit(tmp_path / "cut", RISING[2:]) == whole


def test_the_best_and_the_newest_checkpoint_stay(tmp_path: Path) -> None:
    fit(tmp_path, [0.3, 0.5, 0.4, 0.2], patience=3, epochs=4)
    assert {folder.parent.name for folder in tmp_path.glob(f"*/{WHOLE}")} == {"checkpoint-6", "checkpoint-12"}
    assert len(list(tmp_path.glob("checkpoint-*"))) == 2


def test_only_the_first_process_marks(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-2").mkdir()
    state = TrainerState(global_step=2, is_world_process_zero=False)
    arguments = type("Arguments", (), {"output_dir": str(tmp_path)})
    WholeCheckpoints().on_save(arguments, state, None)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["checkpoint-1", "checkpoint-2"]
    state.is_world_process_zero = True
    WholeCheckpoints().on_save(arguments, state, None)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoint-2", WHOLE]
