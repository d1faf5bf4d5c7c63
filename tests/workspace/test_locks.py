"""One at a time: who waits is told for whom, and whoever was killed holds nothing."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from volant.errors import VolantError
from volant.stages import run_stage
from volant.workspace.locks import exclusive, held, try_lock

HOLD = "import sys\nfrom pathlib import Path\nfrom volant.workspace.locks import held\n"
HOLD += "with held(Path(sys.argv[1]), 'long work', 0, '', ''):\n print(flush=True)\n sys.stdin.readline()"


@contextmanager
def holding(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock, until it is told something."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "\n"
        yield holder
        holder.kill()


def test_who_gives_up_is_told_who_holds_it(tmp_path: Path) -> None:
    with holding(tmp_path / "lock") as holder:
        started = time.monotonic()
        told = rf"It is held by process {holder.pid} \(long work\) on .* since 20"
        with pytest.raises(VolantError, match=told), held(tmp_path / "lock", "mine", 0.3, "", "It is held by {holder}"):
            pass
        assert 0.3 <= time.monotonic() - started < 5
        holder.kill()  # the system lets go of its lock
        holder.wait()
    with held(tmp_path / "lock", "mine", 0, "", "held"):
        pass


def test_who_waits_is_told_for_whom_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with holding(tmp_path / "lock") as holder:
        after = "import os, sys, time; time.sleep(1.5); os.kill(int(sys.argv[1]), 9)"
        waiting = held(tmp_path / "lock", "mine", math.inf, "Waiting for {holder}.", "")
        with subprocess.Popen([sys.executable, "-c", after, str(holder.pid)]), waiting:
            assert holder.wait() == -9
    assert f"Waiting for process {holder.pid} (long work)" in capsys.readouterr().err


def test_a_lock_without_messages_ends_with_its_context(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as other:
        with exclusive(tmp_path / "lock"):
            assert not try_lock(other)
        assert try_lock(other)
    with exclusive(tmp_path / "lock"):  # closing the file has released it
        pass


def test_a_stage_of_torchrun_is_held_by_its_first_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", "mine"])
    ran: list[str] = []
    with holding(tmp_path / ".volant/lock/mine.stage"):
        monkeypatch.setenv("RANK", "1")
        run_stage(ran.append)
    assert ran == ["mine"]
