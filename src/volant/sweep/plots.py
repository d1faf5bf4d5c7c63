"""Plots of a study as PNG files."""

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant.sweep.study import leaf
from volant.workspace.files import whole

if TYPE_CHECKING:
    from optuna import Study

log = logging.getLogger(__name__)


def draw(study: "Study", objectives: Sequence[str], folder: Path) -> list[Path]:
    """Draw the plots of a study and return their paths; a plot that needs more trials is skipped.

    Args:
        study: Study with at least one trial that returned a result.
        objectives: Names of its values.
        folder: Folder of the PNG files.

    Source: https://optuna.readthedocs.io/en/stable/reference/visualization/index.html
    """
    import matplotlib as mpl

    mpl.use("Agg")  # without a window
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    from matplotlib import pyplot as plt

    paths = []
    small = _renamed(study)
    for name, plot in _plots(objectives).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # these plots are experimental in Optuna
            try:
                axes = plot(small)
            except (ValueError, RuntimeError, ZeroDivisionError) as error:
                log.info("The plot %s is skipped: %s", name, error)
                continue
            paths.append(folder / f"{name}.png")
            _save(axes, paths[-1])
        plt.close("all")
    return paths


def _plots(objectives: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """Return name → function that draws the plot and returns its axes."""
    from optuna.visualization import matplotlib as optuna_plots

    if len(objectives) == 1:
        target = {"target_name": objectives[0]}
        return {
            "history": partial(optuna_plots.plot_optimization_history, **target),
            "importances": partial(optuna_plots.plot_param_importances, **target),
            "parallel": partial(optuna_plots.plot_parallel_coordinate, **target),
            "slices": partial(optuna_plots.plot_slice, **target),
        }
    plots: dict[str, Callable[..., Any]] = {}
    if len(objectives) <= 3:
        plots["pareto"] = partial(optuna_plots.plot_pareto_front, target_names=list(objectives))
    for place, name in enumerate(objectives):
        target = {"target": lambda trial, place=place: trial.values[place], "target_name": name}
        plots[f"importances_{name}"] = partial(optuna_plots.plot_param_importances, **target)
        plots[f"slices_{name}"] = partial(optuna_plots.plot_slice, **target)
    return plots


def _renamed(study: "Study") -> "Study":
    """Return a copy of the study in memory, with names short enough for an axis."""
    import optuna
    from optuna.trial import TrialState, create_trial

    small = optuna.create_study(directions=study.directions)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        params = {leaf(name): value for name, value in trial.params.items()}
        spaces = {leaf(name): space for name, space in trial.distributions.items()}
        small.add_trial(create_trial(params=params, distributions=spaces, values=trial.values))
    return small


def _save(axes: Any, path: Path) -> None:
    import numpy as np

    figure = np.ravel(axes)[0].figure
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, 8), max(height, 4.5))
    with whole(path) as part:
        figure.savefig(part, format="png", dpi=120, bbox_inches="tight", metadata={"Software": None})
