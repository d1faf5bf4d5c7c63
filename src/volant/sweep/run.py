"""`python -m volant.sweep`: check the arguments, let Hydra run the trials, show the study."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from volant import config
from volant.errors import VolantError
from volant.sweep import study as studies
from volant.sweep.plan import Plan, plan
from volant.sweep.study import FOLDER
from volant.sweep.trial import run
from volant.tracking.stores import without_password
from volant.workspace.terminal import Console


def main(arguments: Sequence[str], root: Path | None = None) -> int:
    """Run a sweep from the command line and return the exit code: 2 for an error of the user's, 130 if stopped."""
    root = (root or Path()).resolve()
    try:
        if any(argument.startswith("-") and argument not in ("-m", "--multirun") for argument in arguments):
            _hydra([a for a in arguments if a not in ("-m", "--multirun")], root)  # --help, --cfg job, --info …
            return 0
        sweep(arguments, root)
    except (VolantError, FileNotFoundError) as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped. Run the same command again: it continues the study.", style="yellow")
        return 130
    return 0


def sweep(arguments: Sequence[str], root: Path) -> None:
    """Run the trials, nested under the study's own MLflow run, and show and plot the study.

    Raises:
        VolantError: If the flywheel, its data, the objectives or the study's database can't be used, or no
            trial returned a result.
    """
    from hydra.errors import HydraException

    from volant import tracking

    planned = plan(arguments, root)
    if planned.first:
        studies.open_study(planned.study, planned.storage, planned.goal).enqueue_trial(dict(planned.first))
    with tracking.resume(
        planned.flywheel, {"sweep": planned.study}, name=f"sweep {planned.study}", root=root
    ) as parent:
        try:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # else it prints an error without advice and exits
            _hydra([*planned.arguments, f"parent={parent.id or 'null'}"], root)
        except HydraException as error:
            raise VolantError(f"The sweep can't continue: {error}") from error
        except ValueError as error:  # at its end, the sweeper requires a best trial
            raise VolantError(_reason(planned, root, error)) from error
        finally:
            os.environ.pop("HYDRA_FULL_ERROR")
            _finish(planned, root, parent)


def _reason(planned: Plan, root: Path, error: ValueError) -> str:
    if studies.done(studies.open_study(planned.study, planned.storage, planned.goal)):
        return f"{planned.study} can't continue: {error} If the swept keys have changed, use a new study: `study=NAME`."
    place = root / FOLDER / planned.study
    return f"No trial of {planned.study} returned a result. See error.txt of each trial in {place}."


def _finish(planned: Plan, root: Path, parent: Any) -> None:
    from volant.sweep.plots import draw
    from volant.sweep.show import show

    study = studies.open_study(planned.study, planned.storage, planned.goal)
    if best := studies.done(study):
        folder = root / FOLDER / planned.study / "plots"
        draw(study, planned.goal.objectives, folder)
        parent.log_file(folder, "plots")
        parent.log_metrics(dict(zip(planned.goal.objectives, best[0].values, strict=True)))
        show(study, planned.goal, folder, Console())


def _hydra(arguments: Sequence[str], root: Path) -> None:
    """Call Hydra, which reads its command line from `sys.argv`."""
    import hydra

    logging.getLogger("hydra_plugins.hydra_optuna_sweeper._impl").addFilter(_without_secrets)
    before = sys.argv
    sys.argv = [before[0], *arguments]
    try:
        hydra.main(config_path=str(root / config.CONF), config_name="sweep")(run)()
    finally:
        sys.argv = before


def _without_secrets(record: logging.LogRecord) -> bool:
    record.msg = without_password(str(record.msg))  # the sweeper logs the database's address as it is
    return True
