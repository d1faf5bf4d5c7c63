"""Settings of the sampler beside `conf/sweep.yaml`, which depend on the trials that the study already has."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from optuna.trial import FrozenTrial

PREFIX = "hydra.sweeper.sampler"


def sampling(sweeper: Any, there: int) -> dict[str, int]:
    """Return overrides of the sampler's keys.

    Args:
        sweeper: `hydra.sweeper` as composed.
        there: Number of trials that the study has.
    """
    sampler = sweeper.sampler
    changes = {}
    if not sampler._target_.endswith("GridSampler") and sampler.seed is not None:
        changes[f"{PREFIX}.seed"] = sampler.seed + there  # the same seed would draw the first trials again
    if sampler._target_.endswith(".TPESampler"):
        # with few trials, only some are random: TPE learns from them
        changes[f"{PREFIX}.n_startup_trials"] = min(10, max(2, sweeper.n_trials // 2))
    return changes


def first(settings: Any, space: "Mapping[str, Override]") -> dict[str, Any]:
    """Return the current config's values within the search space: the first trial, so that the best is never worse."""
    from hydra.core.override_parser.types import Transformer
    from omegaconf import OmegaConf

    values = {}
    for key, one in space.items():
        now = OmegaConf.select(settings, key)
        sweep = one.value()
        if one.is_interval_sweep():
            within = isinstance(now, int | float) and sweep.start <= now <= sweep.end  # type: ignore[union-attr]
        else:
            within = one.is_sweep_override() and now in list(one.sweep_iterator(Transformer.encode))
        values |= {key: now} if within else {}
    return values


def grid(space: "Mapping[str, Override]", swept: Sequence[str], there: "Sequence[FrozenTrial]") -> list[str]:
    """Return overrides that make a grid of all choices, and run those of its cells that were not run yet.

    Args:
        space: The override of each key.
        swept: Keys that `conf/sweep/<family>.yaml` sweeps. The sweeper makes cells even of those for which
            the user set one value; as a choice of one they are one cell.
        there: Trials that the study has.

    Raises:
        VolantError: If a key has an interval instead of choices, or all cells were run.
    """
    endless = [key for key, one in space.items() if one.is_interval_sweep()]
    if endless:
        raise VolantError(
            f"A grid needs steps; these have none: {', '.join(endless)}. Give each a choice, such as "
            f"'{endless[0]}=choice(1, 10)', or one value."
        )
    sizes = {key: len(list(one.sweep_iterator())) for key, one in space.items() if one.is_sweep_override()}
    left = prod(sizes.values()) - sum("grid_id" in trial.system_attrs for trial in there)
    if left <= 0:
        raise VolantError("Every cell of this grid was run. Give another grid in another study: `study=NAME`.")
    single = [key for key in swept if key in space and key not in sizes]
    return [
        *(f"{key}=choice({space[key].get_value_element_as_str()})" for key in single),
        f"hydra.sweeper.n_trials={left}",
    ]
