"""Under `torchrun`, unchanged, several processes train one model; the first one saves it."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from support.resume import CODE
from support.tiny import TINY, flywheel
from volant.bundle.bundle import Bundle


@pytest.mark.slow
def test_two_processes_share_the_batches(data: dict[str, Path], tmp_path: Path) -> None:
    code = f"{CODE}\nfrom volant.stages.train import report\n"
    # a second process that writes would say so too
    once = "from volant.models.neural import fitting\nexport = fitting.export\n"
    once += "fitting.export = lambda *parts: (print('EXPORTS', flush=True), export(*parts))[1]\n"
    code = code.replace("wheel = ", once + "wheel = ", 1)
    script = tmp_path / "train.py"
    script.write_text(
        code.replace('train("made-up"', 'trained = train("made-up"')
        + "print('STEPS', trained.fitted.history[0]['step'])\n"
    )
    model = {**TINY["recurrent"], "training": {**TINY["recurrent"]["training"], "num_train_epochs": 1, "min_steps": 1}}
    arguments = [
        *(json.dumps(asdict(flywheel("classify", model))), str(data["classify"])),
        *(str(tmp_path / "bundle"), str(tmp_path / "work")),
    ]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script), *arguments]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    from volant.workspace.files import read_table

    rows = len(read_table(data["classify"] / "train.parquet"))
    both = -(-rows // (2 * model["training"]["train_batch_size"]))
    assert f"STEPS {both}" in done.stdout
    assert done.stdout.count("EXPORTS") == 1
    assert Bundle.load(tmp_path / "bundle").predict(["the film was lovely"])[0].label
    assert not list(tmp_path.glob(".bundle.*.part"))
