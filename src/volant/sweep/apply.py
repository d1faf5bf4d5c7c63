"""`volant sweep apply`: write the best trial of a study back into the flywheel's conf file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant import config
from volant.config import model_choice
from volant.config.edit import save
from volant.config.rewrite import rewrite
from volant.errors import VolantError
from volant.sweep.choose import choose, pick
from volant.sweep.study import MODEL, overrides, storage_url, studies
from volant.workspace import paths

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

PREFIX = "flywheel."
ROUNDING = 1e-6  # rounding error of reports/<flywheel>/train.json


@dataclass(frozen=True)
class Applied:
    """The result of `volant sweep apply`.

    Attributes:
        path: The conf file.
        study: Name of the study.
        trial: Number of the trial in it.
        values: Objective → value that the trial returned.
        changes: Dotted key in the conf file → its new value.
        differs: Reason why another training will not reproduce the trial's metrics; None if it will.
    """

    path: Path
    study: str
    trial: int
    values: Mapping[str, float]
    changes: Mapping[str, Any]
    differs: str | None


def apply(
    name: str,
    study: str | None = None,
    root: Path = Path(),
    trial: int | None = None,
    storage: str | None = None,
    force: bool = False,
) -> Applied:
    """Write a trial's settings into `conf/flywheel/<name>.yaml`; comments and all other keys stay unchanged.

    Fails with `VolantError` also if there is no such study or trial, no trial is the best, or the current model did
    better on validation.

    Args:
        name: Name of the flywheel.
        study: Name of the study; needed only if several studies of the flywheel can't be compared.
        root: Root of the project.
        trial: Number of the trial; the best one by default.
        storage: URL of the studies' database; from `conf/sweep.yaml` by default.
        force: True to write it even if the current model did better on validation.

    Raises:
        VolantError: If the file would not be valid; it stays as it was.
    """
    from volant.config.compose import compose

    root = root.resolve()
    path = root / config.CONF / "flywheel" / f"{name}.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    own = model_choice.chosen(root, name)
    source = choose(studies(storage_url(root, storage), name), name, study)
    best = pick(source, trial)
    if not force:
        require_gain(name, source, best, root)
    swept = overrides(best)
    option = str(swept.get(MODEL, own))
    settings = {key.removeprefix(PREFIX): value for key, value in swept.items() if key.startswith(PREFIX)}
    settings = whole_lists(settings, _model_of(root, name, option, own))
    try:
        save({path: rewrite(before, settings, None if option == own else option)}, then=lambda: compose(root))
    except VolantError as error:
        raise VolantError(f"{path} stays as it was, as this trial's settings no longer fit it: {error}") from error
    values = dict(zip(source.user_attrs["objectives"], best.values, strict=True))
    changes = ({f"/{model_choice.GROUP}": option} if option != own else {}) | settings
    return Applied(path, source.study_name, best.number, values, changes, _difference(root, name, swept))


def require_gain(name: str, study: "Study", trial: "FrozenTrial", root: Path) -> None:
    """Refuse a trial whose first objective is worse than the validation score of the current model.

    Args:
        name: Name of the flywheel.
        study: Study of the trial.
        trial: Trial to apply.
        root: Root of the project.

    Raises:
        VolantError: If it is worse; the message has both scores.
    """
    objective = study.user_attrs["objectives"][0]
    value = trial.values[0]
    path = paths.reports(name, root) / "train.json"
    trained = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    current = trained.get(objective, trained.get(f"val_{objective.removeprefix('val_')}"))
    if current is None:
        return
    gain = current - value if study.directions[0].name == "MINIMIZE" else value - current
    if gain >= -ROUNDING:
        return
    raise VolantError(
        f"Trial {trial.number} of {study.study_name} has {objective} {value:.4f} on validation, and the current model "
        f"{current:.4f} (reports/{name}/train.json): applying it would make {name} worse. Nothing was written. Keep "
        f"the current model, sweep further, or write it anyway with `volant sweep apply {name} --force`."
    )


def _model_of(root: Path, name: str, option: str, own: str) -> dict[str, Any]:
    """Return the `model` of the flywheel before the settings; its own keys apply only to its own model."""
    from omegaconf import OmegaConf

    base = model_choice.model_tree(root, option)
    keys = model_choice.flywheel_tree(root, name) if option == own else {}
    return OmegaConf.to_container(OmegaConf.merge(base, keys))  # type: ignore[return-value]


def whole_lists(settings: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with each list index replaced by the whole list.

    Example:
        >>> whole_lists({"model.word_ngrams.1": 3}, {"word_ngrams": [1, 2]})
        {'model.word_ngrams': [1, 3]}
    """
    merged: dict[str, Any] = {}
    for dotted, value in settings.items():
        key, _, index = dotted.rpartition(".")
        if not index.isdigit():
            merged[dotted] = value
            continue
        current: Any = {"model": model}
        for part in key.split("."):
            current = current[part]
        merged[key] = list(merged.get(key, current))
        merged[key][int(index)] = value
    return merged


def _difference(root: Path, name: str, settings: Mapping[str, Any]) -> str | None:
    """Return the reason why another training will not reproduce the trial's metrics; None if it will."""
    from volant.sweep.plan import data_digest

    if size := settings.get("train_subset_size"):
        return f"the trial was trained on {size:,} rows, not on all"
    if settings.get("seed") is not None:
        return f"the sweep had another seed ({settings['seed']})"
    if settings.get("data") != data_digest(root, name):
        return "the clean rows have changed since the trial"
    return None
