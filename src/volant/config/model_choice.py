"""The model that a flywheel's conf file chooses, and the overrides in Hydra's grammar for another one.

A flywheel's own `model:` keys belong to the family that it chooses; in another one, they are unknown.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from volant import config
from volant.errors import VolantError, did_you_mean

KEY = re.compile(r'"(\w+)":')
GROUP = "model@model"  # in the defaults list of a flywheel, `/model@model: transformer`


def chosen(root: Path, flywheel: str) -> str:
    """The option of `conf/model/` that `conf/flywheel/<flywheel>.yaml` names in its defaults list.

    Raises:
        VolantError: If the file names none.
    """
    path = _flywheel_file(root, flywheel)
    for entry in _read(path).get("defaults") or []:
        for key, option in entry.items() if isinstance(entry, Mapping) else ():
            if str(key).removeprefix("/") == GROUP:
                return str(option)
    raise VolantError(f"{path} chooses no model. Add `- /{GROUP}: linear` to its `defaults`.")


def model_tree(root: Path, option: str) -> dict[str, Any]:
    """The keys of `conf/model/<option>.yaml`, with those of the options that it builds on.

    Of its `defaults`, `linear` stands for that option's keys, and `linear@part` for those keys under `part`.

    Raises:
        VolantError: If there is no such option; lists those that there are.
    """
    from omegaconf import OmegaConf

    folder = root / config.CONF / "model"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if option not in known:
        raise VolantError(f"No model is called '{option}'.{did_you_mean(option, known)} Models: {', '.join(known)}.")
    tree = _read(folder / f"{option}.yaml")
    bases = [str(base).partition("@") for base in tree.pop("defaults", None) or [] if base != "_self_"]
    trees = ((part, model_tree(root, base)) for base, _, part in bases)
    merged = OmegaConf.merge(*({part: keys} if part else keys for part, keys in trees), tree)
    return OmegaConf.to_container(merged)  # type: ignore[return-value]


def flywheel_tree(root: Path, flywheel: str) -> dict[str, Any]:
    """The `model:` keys that the flywheel's own conf file sets."""
    return _read(_flywheel_file(root, flywheel)).get("model") or {}


def option_for(root: Path, flywheel: str, option: str) -> str:
    """The option for a flywheel: its own of that family, else `<flywheel>-<family>`, else the family's.

    Args:
        root: Root of the project.
        flywheel: Name of a file in `conf/flywheel/`.
        option: Family.
    """
    own = chosen(root, flywheel)
    if model_tree(root, own).get("family") == option:
        return own
    special = f"{flywheel}-{option}"
    return special if (root / config.CONF / "model" / f"{special}.yaml").is_file() else option


def switch(root: Path, flywheel: str, option: str, package: str) -> list[str]:
    """Overrides that give a flywheel another model; none for its own.

    Args:
        root: The project's root.
        flywheel: Name of its file in `conf/flywheel/`.
        option: Name of a file in `conf/model/`.
        package: Where the composed config has it: `flywheels.<name>`, or `flywheel` in a sweep.
    """
    wanted = model_tree(root, option)
    if option == chosen(root, flywheel):
        return []
    resets = _resets(flywheel_tree(root, flywheel), wanted, f"{package}.model")
    return [f"model@{package}.model={option}", *resets]


def expand(overrides: Sequence[str], root: Path = Path()) -> list[str]:
    """Overrides as a person types them, where `model@flywheels.NAME.model=FAMILY` means the flywheel's own option.

    The keys that the flywheel sets for the family that it leaves are taken back.
    """
    expanded = []
    for override in overrides:
        found = re.fullmatch(r"model@flywheels\.([\w-]+)\.model=([\w-]+)", override)
        if found:
            name, option = found.groups()
            expanded += switch(root, name, option_for(root, name, option), f"flywheels.{name}")
        else:
            expanded.append(override)
    return expanded


def _resets(own: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Take back what the flywheel sets for its own family: the other one's values, or no key at all."""
    for key, value in own.items():
        dotted = f"{prefix}.{key}"
        if key not in wanted:
            yield f"~{dotted}"
        elif isinstance(value, Mapping) and isinstance(wanted[key], Mapping):
            yield from _resets(value, wanted[key], dotted)
        else:
            bare = KEY.sub(r"\1:", json.dumps(wanted[key]))  # the keys of a mapping, as Hydra's grammar wants them
            yield f"{dotted}={bare}"


def _flywheel_file(root: Path, flywheel: str) -> Path:
    path = root / config.CONF / "flywheel" / f"{flywheel}.yaml"
    if path.is_file():
        return path
    known = sorted(file.stem for file in path.parent.glob("*.yaml"))
    raise VolantError(
        f"No flywheel is called '{flywheel}'.{did_you_mean(flywheel, known)} "
        f"There are: {', '.join(known) or 'none here'}."
    )


def _read(path: Path) -> dict[str, Any]:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[return-value]
