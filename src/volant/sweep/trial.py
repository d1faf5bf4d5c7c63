"""One trial: train as the stage does, in its own folder, and return validation metrics."""

import logging
import shutil
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from volant import config
from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS, Kind
from volant.sweep.study import COSTS, short
from volant.workspace import paths
from volant.workspace.files import read_table, write_table, write_text

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from volant.stages.train import Trained

log = logging.getLogger(__name__)
TRAINED_ON = ("train", "validation")  # never test
SECONDS = 3.0  # for measuring the latency


def run(settings: "DictConfig") -> float | tuple[float, ...]:
    """Return the value of each objective, for Optuna.

    Any error is written to the trial's folder and raised again; the sweeper continues with the next trial.

    Args:
        settings: `conf/sweep.yaml` as composed for this trial.
    """
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    name = hydra.runtime.choices["flywheel"]
    folder = Path(hydra.runtime.output_dir)
    swept = {key: value for key, value in _values(hydra.overrides.task).items() if key in hydra.sweeper.params}
    try:
        values = _tracked(name, settings, short(swept), folder)
    except Exception as error:
        write_text(traceback.format_exc(), folder / "error.txt")
        log.error("%s: %s (%s)", type(error).__name__, error, folder / "error.txt")
        raise
    log.info("%s: %s", ", ".join(f"{key} {value:.6g}" for key, value in values.items()), short(swept))
    return tuple(values.values()) if len(values) > 1 else next(iter(values.values()))


def _values(overrides: Sequence[str]) -> dict[str, Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides([text for text in overrides if not text.startswith("~")])
    return {override.key_or_group: override.value() for override in parsed}


def _tracked(name: str, settings: "DictConfig", title: str, folder: Path) -> dict[str, float]:
    """Train in one MLflow run, under the study's."""
    from volant import tracking

    flywheel = flywheel_of(name, settings)
    tags = {"study": settings.study, "data.train": str(settings.data)}
    params = {**asdict(flywheel), "train_subset_size": settings.train_subset_size}
    with tracking.run(name, params, tags, parent=settings.parent, name=title) as run:
        trained, costs = train(name, flywheel, settings.train_subset_size, folder)
        for step, figures in enumerate(trained.fitted.history, 1):
            run.log_metrics(figures, step)
        figures = {f"val_{metric}": value for metric, value in trained.validation.items()}
        run.log_metrics({**figures, **costs}, len(trained.fitted.history) + 1)
        return pick(settings.objectives or [f"val_{flywheel.metric}"], {**figures, **costs})


def flywheel_of(name: str, settings: "DictConfig") -> config.Flywheel:
    """Return the validated flywheel with this trial's settings."""
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(settings.flywheel, resolve=True)
    return config.validate(config.Flywheel, tree, f"flywheels.{name}")


def train(
    name: str, flywheel: config.Flywheel, size: int | None, folder: Path, root: Path = Path()
) -> tuple["Trained", dict[str, float]]:
    """Train on `data/<name>/clean` as the stage `train` does, and return the result and its costs.

    The bundle is removed afterwards.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        size: Number of rows of a seeded sample to train on; None for all.
        folder: Folder of the trial, for temporary files.
        root: Root of the project.
    """
    from volant.evaluation.speed import folder_size, latencies
    from volant.stages.train import train

    data = paths.clean(name, root)
    with TemporaryDirectory(dir=folder, prefix="bundle-") as place:
        rows = Path(place) / "data" if size else data
        if size:
            copy_sample(data, rows, KINDS[flywheel.kind], size, flywheel.seed)
        trained = train(name, flywheel, rows, Path(place) / "bundle", Path(place) / "work")
        took = latencies(trained.bundle.predict, read_table(data / "validation.parquet")["text"].to_pylist(), SECONDS)
        return trained, {"size": float(folder_size(trained.bundle.folder)), "latency": float(np.median(took))}


def copy_sample(data: Path, folder: Path, kind: Kind, size: int, seed: int) -> None:
    """Write the splits that training reads to `folder`: `size` rows of train, all of validation.

    Args:
        data: Folder of the clean splits.
        folder: Folder to write to.
        kind: Kind of prediction.
        size: Number of train rows.
        seed: Seed of the sample.
    """
    write_table(sample(read_table(data / "train.parquet"), kind, size, seed), folder / "train.parquet")
    shutil.copy(data / "validation.parquet", folder)


def sample(table: pa.Table, kind: Kind, size: int, seed: int) -> pa.Table:
    """Return `size` random rows in their original order, with each label at least once, as training requires.

    Args:
        table: Train rows.
        kind: Kind of prediction.
        size: Number of rows; more if there are more labels.
        seed: Seed of the sample.
    """
    order = np.random.default_rng(seed).permutation(len(table)).tolist()
    gold = kind.gold(table)
    by_label: dict[str, int] = {}
    for row in order:
        for label in kind.count([gold[row]]):
            by_label.setdefault(label, row)
    required = list(dict.fromkeys(by_label.values()))
    rows = list(dict.fromkeys([*required, *order]))[: max(size, len(required))]
    return table.take(sorted(rows))


def pick(objectives: Sequence[str], figures: dict[str, float]) -> dict[str, float]:
    """Return the figures of the objectives.

    Raises:
        VolantError: If the trial has no such figure; the message lists both.

    Example:
        >>> pick(["val_accuracy"], {"val_accuracy": 0.75, "size": 1e6})
        {'val_accuracy': 0.75}
    """
    for name in objectives:
        if name not in figures:
            raise VolantError(
                f"The objective '{name}' is not a result of this trial. Allowed: {', '.join(figures)}."
                f"{did_you_mean(name, figures)} Costs are {', '.join(COSTS)}."
            )
    return {name: figures[name] for name in objectives}
