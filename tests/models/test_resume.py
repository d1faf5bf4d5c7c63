"""An interrupted training goes on from its last whole checkpoint, and ends as if it had never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.resume import CODE
from support.tiny import TINY, flywheel
from volant.models.neural.checkpoints import WHOLE, last_checkpoint
from volant.stages.train import Trained, report, train


@pytest.mark.slow
def test_a_killed_training_goes_on(
    trained: Callable[..., Trained], data: dict[str, Path], tiny_encoder: Path, tmp_path: Path
) -> None:
    from dataclasses import asdict

    model = {**TINY["transformer"], "encoder": str(tiny_encoder)}
    wheel = flywheel("classify", model)
    folder, work = tmp_path / "bundle", tmp_path / "work"
    arguments = [json.dumps(asdict(wheel)), str(data["classify"]), str(folder), str(work)]
    with subprocess.Popen([sys.executable, "-c", CODE, *arguments], start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while not list(work.glob(f"*/checkpoint-*/{WHOLE}")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    reached = [path.parent.name for path in work.glob(f"*/checkpoint-*/{WHOLE}")]
    assert reached
    assert not folder.exists()  # nothing half-written is taken for a bundle
    resumed = train("made-up", wheel, data["classify"], folder, work)
    assert report(resumed) == report(trained("classify", "transformer"))
    assert not list(work.iterdir())  # checkpoints are gone once the bundle is there


def test_a_half_written_checkpoint_is_not_taken_up(tmp_path: Path) -> None:
    for step, whole in ((9, True), (18, True), (100, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / WHOLE).touch()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-18"
    assert not (tmp_path / "checkpoint-100").exists()
