"""One turn in particular: who holds it, where it starts, what a bad one leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.flywheels import Project
from support.projects import ENVIRONMENT
from volant.errors import VolantError
from volant.flywheel.dvc import read_status
from volant.workspace.locks import iteration_lock

RECURRENT = """model:
  vocabulary_size: 500
  embedding_size: 8
  hidden_size: 8
  max_length: 16
  training:
    num_train_epochs: 1
"""


def test_a_second_turn_is_told_who_is_at_it(tmp_path: Path) -> None:
    code = (
        "from volant.workspace.locks import iteration_lock\n"
        "with iteration_lock('an iteration'):\n print('held', flush=True)\n input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(VolantError, match=rf"process {holder.pid} \(an iteration\) on"),
            iteration_lock("mine", tmp_path),
        ):
            pass
        holder.kill()  # the system lets go of its lock
        holder.wait()
    with iteration_lock("mine", tmp_path):
        pass


def test_what_the_pipeline_made_is_not_news() -> None:
    status = {
        "prepare@f": [{"changed deps": {"data/f/lake/train": "modified", "params.yaml": {"flywheels.f.seed": "new"}}}],
        "clean@f": [
            {"changed deps": {"data/f/prepared/train.parquet": "modified", "src/volant/workspace/files.py": "modified"}}
        ],
        "train@f": [{"changed outs": {"models/f": "deleted"}}, "changed command"],
    }
    found = read_status("f", status)
    assert (found.train, found.test) == (True, False)
    assert found.config == ("flywheels.f.seed",)
    assert found.files == ("changed command", "src/volant/workspace/files.py")
    assert found.missing == ("models/f",)


@pytest.mark.slow
def test_from_a_version_on(project: Project) -> None:
    conf = project.root / "conf/flywheel/mine.yaml"
    linear = conf.read_text()
    conf.write_text(linear.replace("model: linear", "model: recurrent") + RECURRENT)
    project.run("volant", "params")
    project.run("volant", "ingest", "mine", project.csv("half.csv", 200, 1), "--split", "train")
    project.iterate(code=3)  # a net this small learns too little for the gate, and its weights are kept all the same
    again = project.iterate("--from-version", "1", code=3)
    assert (again["case"], again["version"]) == ("changed", 2)
    assert again["news"]["config"] == ["flywheels.mine.model"]
    assert "start: .volant/weights/mine/1" in conf.read_text()
    shutil.rmtree(project.root / ".volant/weights")  # as on another machine
    conf.write_text(conf.read_text().replace("num_train_epochs: 1", "num_train_epochs: 2"))
    assert "volant iterate mine --from-version 1`" in project.fail("volant", "iterate", "mine")
    assert project.iterate("--from-version", "1", code=3)["version"] == 3
    conf.write_text(linear)
    project.run("volant", "params")
    before = conf.read_text()
    done = project.fail("volant", "iterate", "mine", "--from-version", "1")
    assert "always starts from scratch" in done
    assert conf.read_text() == before


@pytest.mark.slow
def test_a_killed_turn_goes_on(project: Project) -> None:
    """Killed in each of its parts; then one whole turn ends as if nothing had been."""
    project.run("volant", "ingest", "mine", project.csv("half.csv", 200, 1), "--split", "train")
    for seconds in (2.0, 5.0, 8.0, 12.0):
        command = [sys.executable, "-m", "volant", "iterate", "mine", "--no-advice"]
        with subprocess.Popen(
            command,
            cwd=project.root,
            env={**os.environ, **ENVIRONMENT},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as iteration:
            time.sleep(seconds)
            if iteration.poll() is None:
                os.killpg(iteration.pid, signal.SIGKILL)
    project.iterate()
    versions = json.loads(project.run("volant", "versions", "mine", "--json"))
    assert [(v["number"], v["status"], "champion" in v["aliases"]) for v in versions] == [(1, "approved", True)]
    events = [e["event"] for e in json.loads(project.run("volant", "history", "mine", "--json"))["entries"]]
    assert events == ["register", "approve", "promote"]
    assert project.iterate()["outcome"] == "nothing"
