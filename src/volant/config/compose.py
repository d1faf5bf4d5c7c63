"""`conf/` composed into `params.yaml` by Hydra, byte for byte as `dvc exp run -S` composes it."""

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from volant import config
from volant.config.yaml_traps import check_traps
from volant.errors import VolantError, did_you_mean


def compose(root: Path = Path(), overrides: Sequence[str] = ()) -> str:
    """Return the text of `params.yaml`, resolved and checked.

    A `VolantError` results if Hydra can't compose it, or a key is unknown, missing or of the wrong type.

    Args:
        root: Folder that holds `conf/`.
        overrides: Overrides in Hydra's grammar: `flywheels.reviews.seed=7`, `model@flywheels.reviews.model=linear`.
    """
    return _checked(root, overrides)[0]


def compose_config(root: Path = Path(), overrides: Sequence[str] = ()) -> config.Config:
    """Return the checked config that `conf/` describes; see `compose`."""
    return _checked(root, overrides)[1]


def _checked(root: Path, overrides: Sequence[str]) -> tuple[str, config.Config]:
    """Return the text of `params.yaml` and the config that it holds."""
    check_traps(root / config.CONF)
    text = _composed(root, overrides)
    return text, config.check(yaml.safe_load(text))


class StaleError(VolantError):
    """`params.yaml` isn't what `conf/` says."""


def _composed(root: Path, overrides: Sequence[str] = ()) -> str:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str((root / config.CONF).resolve())):
            tree = hydra_compose("config", overrides=list(overrides))
        OmegaConf.resolve(tree)
        missing = sorted(OmegaConf.missing_keys(tree))
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        raise VolantError(f"{config.CONF} can't be composed: {error}{_nearest(error.__cause__)}") from error
    if missing:
        lines = [f"{config.origin(key)}: {key} has no value (`???`). Give it one." for key in missing]
        raise VolantError("\n".join(lines))
    return OmegaConf.to_yaml(tree)


def _nearest(cause: object) -> str:
    """The key that was most likely meant by an override of one that is not there; nothing for another trouble."""
    keys = getattr(cause, "parent_node", None) or ()
    return did_you_mean(getattr(cause, "key", ""), keys)


def write_params(root: Path = Path(), overrides: Sequence[str] = ()) -> bool:
    """Write `params.yaml`, and make the lake folders of the live flywheels; return whether `params.yaml` changed."""
    text, composed = _checked(root, overrides)
    return _write(text, composed, root)


def write_config(root: Path = Path(), overrides: Sequence[str] = ()) -> config.Config:
    """Do as `write_params` does, and return the config that was written."""
    text, composed = _checked(root, overrides)
    _write(text, composed, root)
    return composed


def _write(text: str, composed: config.Config, root: Path) -> bool:
    """Write `params.yaml` if it changes, and make the lake folders of the flywheels.

    Args:
        text: Text of `params.yaml`.
        composed: Config that the text holds.
        root: Root of the project.
    """
    from volant.workspace.files import write_text
    from volant.workspace.paths import SIDES, home

    for name in composed.flywheels:
        for side in SIDES:
            home(name, side, root)  # a dependency of `prepare`, so it must be there before anything is ingested
    path = root / config.PARAMS
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(text, path)
    return True


def check_params(root: Path = Path()) -> None:
    """Raise if `params.yaml` isn't what `conf/` says.

    A `VolantError` says what is wrong in `conf/`.

    Raises:
        StaleError: With the first differing line of each.
    """
    path = root / config.PARAMS
    text = _composed(root)
    wanted = text.splitlines()
    found = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if wanted == found:  # that it is sound, every stage checks as it reads it; here that would take half as long again
        return
    config.check(yaml.safe_load(text))
    pairs = zip([*wanted, ""], [*found, ""], strict=False)
    number, (new, old) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    raise StaleError(
        f"{path} is stale: line {number} is '{old.strip()}', {config.CONF}{os.sep} says '{new.strip()}'. "
        "Run `volant params` (or `make params`)."
    )
