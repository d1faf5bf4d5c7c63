"""Many processes at one registry: `python crowd.py decide ROOT PROCESSES CALLS`, `python crowd.py kill ROOT TIMES`.

ROOT has the versions 1, 2 and 3 of `reviews`. With `apart` for `decide` each process has a root, and so a lock, of its
own, as machines have. MLflow is imported once, then the processes are forked.
"""

import json
import logging
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, event

from volant.errors import VolantError
from volant.tracking.registry import Registry, registry


def decide(root: Path, processes: int, calls: int, apart: bool) -> None:
    """Mixed decisions at once; each process notes what it was told that it decided."""
    children = [fork(lambda number=number: _decide(root, number, calls, apart)) for number in range(processes)]
    for child in children:
        if os.waitpid(child, 0)[1]:
            sys.exit("a process failed")


def _decide(root: Path, process: int, calls: int, apart: bool) -> None:
    rng, done = random.Random(process), []
    home = root / f"machine{process}" if apart else root
    home.mkdir(exist_ok=True)
    for call in range(calls):
        by = f"{process}.{call}"
        try:
            with registry(home) as opened:  # again each time, as a command does
                _one(opened, rng, by)
                done += [entry.hash for entry in opened.history("reviews") if entry.by == by]
        except VolantError as error:  # refused, or the store was busy
            if "tampered" in str(error):
                raise
    (root / f"told-{process}.json").write_text(json.dumps(done))


def _one(opened: Registry, rng: random.Random, by: str) -> None:
    number, verb = rng.randint(1, 3), rng.choice(["approve", "approve", "promote", "reject", "rollback", "history"])
    if verb == "history":
        opened.versions("reviews")
    elif verb == "rollback":
        opened.rollback("reviews", by=by)
    else:
        getattr(opened, verb)("reviews", number, by=by)


def kill(root: Path, times: int) -> None:
    """A process that promotes one version after the other is killed; the next one must find a sound registry."""
    rng = random.Random(7)
    for number in range(times):
        last = rng.randrange(1, 500)  # of the database: a promotion takes about 240
        child = fork(lambda number=number, last=last: _promote(root, number, last))
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            sys.exit(f"the process {number} ended by itself")


def _promote(root: Path, number: int, last: int) -> None:
    logging.basicConfig(filename=root / "said.log", level=logging.WARNING)
    left = [last]

    def count(*_: object) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    with registry(root) as opened:
        opened.history("reviews")
        event.listen(Engine, "before_cursor_execute", count)
        while True:
            for version in (1, 2):
                opened.promote("reviews", version, by=f"{number}.0")


def warm(root: Path) -> None:
    """Import here, once, all that a registry imports: with a database that no child opens."""
    home = root / "warm"
    home.mkdir()
    shutil.copy(root / "mlflow.db", home)
    given = os.environ.pop("MLFLOW_TRACKING_URI", None)
    with registry(home) as opened:
        opened.approve("reviews", 3)
    os.environ.update({"MLFLOW_TRACKING_URI": given} if given else {})


def fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        logging.exception("process")
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    warm(Path(where))
    if what == "kill":
        kill(Path(where), int(numbers[0]))
    else:
        decide(Path(where), int(numbers[0]), int(numbers[1]), what == "apart")
