"""DVC is busy: a turn waits, and goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.flywheels import Project
from support.projects import ENVIRONMENT
from volant.errors import VolantError
from volant.workspace.dvc import patiently

HOLD = "from dvc.repo import Repo, lock_repo\nwith Repo() as repo, lock_repo(repo):\n print(flush=True)\n input()"


def test_who_waits_too_long_is_told(tmp_path: Path) -> None:
    from dvc.lock import LockError

    def busy() -> None:
        raise LockError("held")

    with pytest.raises(VolantError, match=r"DVC is busy.*run the same command again later.*held"):
        patiently(busy, tmp_path, 0.1)


def waits(project: Project, holder: "subprocess.Popen[bytes]", *options: str) -> str:
    """A turn that waits until `holder` ends, and then goes on; what it printed."""
    iteration = [sys.executable, "-m", "volant", "iterate", "mine", "--no-advice", "--json", *options]
    told = os.environ | ENVIRONMENT
    with subprocess.Popen(
        iteration, cwd=project.root, env=told, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stderr
        assert any("Waiting for DVC" in line for line in running.stderr)
        assert running.poll() is None
        holder.kill()
        holder.wait()
        said = running.stderr.read()
        printed = running.stdout.read()
    assert running.returncode == 0, said
    return printed


@pytest.mark.slow
def test_a_turn_waits_for_dvc(project: Project) -> None:
    """For its lock of the project, longer than DVC itself waits; then for rows of the lake that are being written."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=project.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert '"first"' in waits(project, holder, "--dry-run")
    project.run("volant", "ingest", "mine", project.csv("half.csv", 200, 1), "--split", "train")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]) as writer:
        rows = {str(project.root / "data/mine/lake/train"): {"pid": writer.pid, "cmd": "dvc add"}}
        (project.root / ".dvc/tmp/rwlock").write_text(json.dumps({"write": rows}))
        assert '"promoted"' in waits(project, writer)
