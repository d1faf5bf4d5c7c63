"""The plan of a sweep, composed and checked once before the first trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant import config
from volant.config import model_choice
from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS
from volant.sweep import study as studies
from volant.sweep.sampling import current_values, grid, sampling
from volant.sweep.study import COSTS, MODEL, Goal, direction
from volant.sweep.trial import TRAINED_ON, flywheel_of
from volant.workspace import paths
from volant.workspace.files import sha256
from volant.workspace.provenance import digest

MISSING = object()

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Plan:
    """A sweep, composed and checked.

    Attributes:
        flywheel: Name of the flywheel.
        study: Name of the study.
        storage: URL of the studies' database.
        goal: Objectives of the trials.
        arguments: Arguments for Hydra: the user's, and ours.
        first: Settings of the first trial of a new study.
    """

    flywheel: str
    study: str
    storage: str
    goal: Goal
    arguments: tuple[str, ...]
    first: Mapping[str, Any]


def plan(arguments: Sequence[str], root: Path) -> Plan:
    """Compose the sweep once, without the swept keys, and check it.

    Fails with `VolantError` if the flywheel, its data, the objectives or the study's database can't be used.
    """
    overrides = _parsed(arguments)
    fixed = [str(override.input_line) for override in overrides if not override.is_sweep_override()]
    hydra = _compose(root, fixed).hydra
    name = hydra.runtime.choices["flywheel"]
    space = dict(hydra.sweeper.params or {})
    keys = {override.get_key_element().lstrip("+~") for override in overrides}
    model = _model(root, name, hydra.runtime.choices[MODEL], keys | set(space))
    settings = _compose(root, [*fixed, *model])
    _check_keys(settings, [*space, *(each.get_key_element() for each in overrides if each.is_sweep_override())])
    goal = _goal(name, settings, "hydra.sweeper.direction" in keys)
    storage = studies.storage_url(root, settings.hydra.sweeper.storage)
    trials = studies.open_study(settings.study, storage, goal).trials
    added = {
        "train_subset_size": settings.train_subset_size or "null",
        "data": data_digest(root, name),
        "hydra.sweeper.direction": f"[{','.join(goal.directions)}]",
        **sampling(settings.hydra.sweeper, len(trials)),
    }
    complete = [*arguments, *model, *(f"{key}={value}" for key, value in added.items() if key not in keys)]
    searched = {**_space(space), **{override.get_key_element(): override for override in overrides}}
    initial = {}
    if settings.hydra.sweeper.sampler._target_.endswith("GridSampler"):
        complete += grid(searched, list(space), trials)
    elif not trials:
        initial = current_values(settings, searched)
    return Plan(name, settings.study, storage, goal, tuple(complete), initial)


def _parsed(arguments: Sequence[str]) -> "list[Override]":
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_overrides([a for a in arguments if not a.startswith("-")])
    except HydraException as error:
        raise VolantError(
            f"Invalid argument: {error} Write `key=value`, such as flywheel=reviews sweep=linear."
        ) from error


def _space(params: Mapping[str, Any]) -> "dict[str, Override]":
    overrides = _parsed([f"{key}={value}" for key, value in params.items()])
    return {override.get_key_element(): override for override in overrides}


def _compose(root: Path, overrides: Sequence[str]) -> "DictConfig":
    """Return the settings, with Hydra's own under `hydra`.

    Raises:
        VolantError: If conf/sweep.yaml is missing, or the sweep can't be composed.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    folder = root / config.CONF
    if not (folder / "sweep.yaml").is_file():
        raise VolantError(f"{folder / 'sweep.yaml'} does not exist. Run this in the project's root.")
    try:
        with initialize_config_dir(str(folder)):
            settings = compose("sweep", overrides=list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(settings)
        return settings
    except (HydraException, OmegaConfBaseException) as error:
        raise VolantError(
            f"This sweep can't be composed: {error}\n"
            "Allowed: flywheel=<file of conf/flywheel> sweep=<file of conf/sweep>, and any of their keys."
        ) from error


def _model(root: Path, name: str, option: str, keys: set[str]) -> list[str]:
    """Return overrides that choose the flywheel's own model of this family, and reset keys of another family."""
    by_user = MODEL in keys
    option = option if by_user else model_choice.option_for(root, name, option)
    resets = model_choice.switch(root, name, option, "flywheel")[1:]
    unset = [text for text in resets if text.lstrip("~").partition("=")[0] not in keys]
    return unset if by_user else [f"{MODEL}={option}", *unset]


def _check_keys(settings: "DictConfig", swept: Sequence[str]) -> None:
    from omegaconf import OmegaConf

    for key in swept:
        parent, _, last = key.rpartition(".")
        if OmegaConf.select(settings, key, default=MISSING) is MISSING:
            names = [str(name) for name in OmegaConf.select(settings, parent) or {}]
            raise VolantError(
                f"The swept key {key} is not a key of the flywheel.{did_you_mean(last, names)} "
                f"{parent} has: {', '.join(names) or 'none'}."
            )


def _goal(name: str, settings: "DictConfig", with_directions: bool) -> Goal:
    """Return the objectives, each with its direction, after a check of the config.

    Raises:
        VolantError: If an objective is unknown, or the directions don't match the objectives.
    """
    flywheel = flywheel_of(name, settings)
    config.build(flywheel.model, f"flywheels.{name}.model")
    objectives = tuple(settings.objectives or [f"val_{flywheel.metric}"])
    allowed = [*(f"val_{metric}" for metric in KINDS[flywheel.kind].metrics), *COSTS]
    for objective in objectives:
        if objective not in allowed:
            raise VolantError(
                f"The objective '{objective}' is not a result of a trial of kind {flywheel.kind}. Allowed: "
                f"{', '.join(allowed)}.{did_you_mean(objective, allowed)} "
                f"Change `objectives`, or `metric` in conf/flywheel/{name}.yaml."
            )
    if not with_directions:
        return Goal(name, objectives, tuple(direction(objective) for objective in objectives))
    setting = settings.hydra.sweeper.direction
    directions = tuple(str(value) for value in ([setting] if isinstance(setting, str) else setting))
    if len(directions) != len(objectives) or not set(directions) <= {"maximize", "minimize"}:
        raise VolantError(
            f"hydra.sweeper.direction is {list(directions)}: give maximize or minimize for each of "
            f"{', '.join(objectives)}."
        )
    return Goal(name, objectives, directions)


def data_digest(root: Path, name: str) -> str:
    """Return a digest of the rows that trials train on.

    Raises:
        VolantError: If the rows are missing.
    """
    files = [paths.clean(name, root) / f"{split}.parquet" for split in TRAINED_ON]
    for file in files:
        if not file.is_file():
            raise VolantError(
                f"{file} does not exist: a trial trains on the clean rows. Make them with "
                f"`dvc repro clean@{name}` (`{name}` must be live in conf/config.yaml), or `dvc pull` them."
            )
    return f"sha-{digest([sha256(file) for file in files])[:16]}"  # the prefix prevents parsing as a number
