"""Stages of the pipeline, as `dvc.yaml` runs them: a thin main over a pure function each."""

import logging
import math
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.abc import MetaPathFinder
from pathlib import Path

from volant.errors import VolantError, disk_trouble
from volant.workspace.terminal import Console


def _alone(name: str) -> AbstractContextManager[None]:
    """Wait for a stage of this flywheel that outlived its iteration: both would write the same files."""
    if int(os.environ.get("RANK", "0")):  # set by torchrun, whose first process holds the lock for all
        return nullcontext()
    from volant.workspace.locks import held  # here: a stage's lock is not one of its outputs
    from volant.workspace.paths import LOCKS

    waiting = f"Waiting for a stage of {name} that still runs: {{holder}}."
    return held(LOCKS / f"{Path(name).name}.stage", sys.argv[0], math.inf, waiting, refused="")


class _NoPandas(MetaPathFinder):
    """Let an import of pandas fail, as where it is not installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse pandas, and leave every other module to the finders after this one.

        Args:
            fullname: Name of the module.

        Raises:
            ImportError: If it is pandas.
        """
        if fullname == "pandas":
            raise ImportError(fullname)


def _keep_pandas_out() -> None:
    """Let pyarrow find no pandas: it would import it with the first array, which takes half a second for nothing."""
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    pa.array([0])  # it looks once
    sys.meta_path.remove(finder)


def run_stage(main: Callable[[str], None]) -> None:
    """Run a stage for the flywheel that the command line names.

    Raises:
        SystemExit: With code 2 and a message for an error of the user's, 1 if the disk is full or can't be written to,
            130 if stopped.
        OSError: If the system fails in another way.
    """
    # waiting threads sleep after about 30 µs: longer spinning would halve the speed of others on their core, and
    # sleeping at once costs a seventh of the speed if there are no others
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    _keep_pandas_out()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if len(sys.argv) != 2:
        Console(stderr=True).print(f"Usage: python -m volant.stages.{Path(sys.argv[0]).stem} FLYWHEEL")
        raise SystemExit(2)
    try:
        with _alone(sys.argv[1]):
            main(sys.argv[1])
    except (VolantError, FileNotFoundError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        raise SystemExit(2) from error
    except OSError as error:
        if (told := disk_trouble(error)) is None:
            raise
        Console(stderr=True).print(told, style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error
    except KeyboardInterrupt as error:
        Console(stderr=True).print("Stopped. Run the same command again to go on.", style="yellow")
        raise SystemExit(130) from error
