"""Settings of the sampler that depend on the trials that the study already has, beside those of `conf/sweep.yaml`."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from optuna.trial import FrozenTrial

PREFIX = "hydra.sweeper.sampler"


def sampling(sweeper: Any, trials: int) -> dict[str, int]:
    """Return overrides of the sampler's keys.

    Args:
        sweeper: `hydra.sweeper` as composed.
        trials: Number of trials that the study has.
    """
    sampler = sweeper.sampler
    changes = {}
    if not sampler._target_.endswith("GridSampler") and sampler.seed is not None:
        changes[f"{PREFIX}.seed"] = sampler.seed + trials  # the same seed would draw the first trials again
    if sampler._target_.endswith(".TPESampler"):
        # with few trials, only some are random: TPE learns from them
        changes[f"{PREFIX}.n_startup_trials"] = min(10, max(2, sweeper.n_trials // 2))
    return changes


def current_values(settings: Any, space: "Mapping[str, Override]") -> dict[str, Any]:
    """Return the current config's values within the search space.

    They are the first trial, so that the best trial is never worse than the current config.
    """
    from hydra.core.override_parser.types import Transformer
    from omegaconf import OmegaConf

    values = {}
    for key, override in space.items():
        current = OmegaConf.select(settings, key)
        sweep = override.value()
        if override.is_interval_sweep():
            within = isinstance(current, int | float) and sweep.start <= current <= sweep.end  # type: ignore[union-attr]
        else:
            within = override.is_sweep_override() and current in list(override.sweep_iterator(Transformer.encode))
        if within:
            values[key] = current
    return values


def grid(space: "Mapping[str, Override]", swept: Sequence[str], trials: "Sequence[FrozenTrial]") -> list[str]:
    """Return overrides that define a grid of all choices, and run those of its cells that were not run yet.

    Args:
        space: Override of each key.
        swept: Keys that `conf/sweep/<family>.yaml` sweeps. The sweeper makes cells even of those for which
            the user set one value; as a choice of one they are one cell.
        trials: Trials that the study has.

    Raises:
        VolantError: If a key has an interval instead of choices, or all cells were run.
    """
    intervals = [key for key, override in space.items() if override.is_interval_sweep()]
    if intervals:
        raise VolantError(
            f"A grid requires choices, but these keys have intervals: {', '.join(intervals)}. Give each a choice, such "
            f"as '{intervals[0]}=choice(1, 10)', or one value."
        )
    swept_overrides = {key: override for key, override in space.items() if override.is_sweep_override()}
    cells = prod(len(list(override.sweep_iterator())) for override in swept_overrides.values())
    remaining = cells - sum("grid_id" in trial.system_attrs for trial in trials)
    if remaining <= 0:
        raise VolantError("Every cell of this grid was run. Give another grid in another study: `study=NAME`.")
    single = [key for key in swept if key in space and key not in swept_overrides]
    return [
        *(f"{key}=choice({space[key].get_value_element_as_str()})" for key in single),
        f"hydra.sweeper.n_trials={remaining}",
    ]
