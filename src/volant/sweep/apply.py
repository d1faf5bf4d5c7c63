"""`volant sweep apply`: write the best trial of a study back into the flywheel's conf file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant import config
from volant.config import model_choice
from volant.config.edit import save
from volant.config.rewrite import rewrite
from volant.errors import VolantError, did_you_mean
from volant.sweep.study import MODEL, done, overrides, short, storage_url, studies
from volant.workspace import paths
from volant.workspace.terminal import Console

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

    Fails with `VolantError` if there is no such study or trial, no trial is the best, the file would not be valid, or
    the current model did better on validation.

    Args:
        name: Name of the flywheel.
        study: Name of the study; needed only if several studies of the flywheel can't be compared.
        root: Root of the project.
        trial: Number of the trial; the best one by default.
        storage: URL of the studies' database; from `conf/sweep.yaml` by default.
        force: True to write it even if the current model did better on validation.
    """
    from volant.config.compose import compose

    root = root.resolve()
    path = root / config.CONF / "flywheel" / f"{name}.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    own = model_choice.chosen(root, name)
    found = choose(studies(storage_url(root, storage), name), name, study)
    best = pick(found, trial)
    if not force:
        require_gain(name, found, best, root)
    given = overrides(best)
    option = str(given.get(MODEL, own))
    settings = {key.removeprefix(PREFIX): value for key, value in given.items() if key.startswith(PREFIX)}
    settings = whole_lists(settings, _model_of(root, name, option, own))
    try:
        save({path: rewrite(before, settings, None if option == own else option)}, then=lambda: compose(root))
    except VolantError as error:
        raise VolantError(f"{path} stays as it was, as this trial's settings no longer fit it: {error}") from error
    values = dict(zip(found.user_attrs["objectives"], best.values, strict=True))
    changes = ({f"/{model_choice.GROUP}": option} if option != own else {}) | settings
    return Applied(path, found.study_name, best.number, values, changes, _differs(root, name, given))


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
    now = trained.get(objective, trained.get(f"val_{objective.removeprefix('val_')}"))
    loses = study.directions[0].name == "MINIMIZE"
    if now is None or (now - value if loses else value - now) >= -ROUNDING:
        return
    raise VolantError(
        f"Trial {trial.number} of {study.study_name} has {objective} {value:.4f} on validation, and the model in place "
        f"has {now:.4f} (reports/{name}/train.json): applying it would make {name} worse. Nothing was written. Keep "
        f"the model in place, sweep further, or write it all the same with `volant sweep apply {name} --force`."
    )


def choose(found: Sequence["Study"], name: str, wanted: str | None) -> "Study":
    """Return the study of that name; without a name, that of the best trial, if the studies can be compared.

    Args:
        found: Studies of the flywheel that have results.
        name: Name of the flywheel.
        wanted: Name of the study, or None.

    Raises:
        VolantError: If there is no such study, or the studies can't be compared.
    """
    names = {study.study_name: study for study in found}
    if wanted in names:
        return names[wanted]
    if wanted or not found:
        said = f"'{wanted}' is no study of {name} with results." if wanted else f"No study of {name} has a result."
        there = f" There are: {', '.join(names)}." if names else ""
        raise VolantError(
            f"{said}{did_you_mean(str(wanted), names)}{there} Run one: "
            f"`python -m volant.sweep -m flywheel={name} sweep=linear`."
        )
    if len(found) == 1:
        return found[0]
    terms = {(str(s.user_attrs.get("objectives")), s.directions[0], _terms(done(s)[0])) for s in found}
    if len(terms) > 1 or any(len(study.directions) > 1 for study in found):
        listed = [f"  {s.study_name}: {_said(s, done(s)[0])}" for s in found]
        raise VolantError(
            f"{name} has several studies, of other rows or objectives, so that none is the best. "
            "Name one with --study:\n" + "\n".join(listed)
        )
    ascending = found[0].directions[0].name == "MINIMIZE"
    return sorted(found, key=lambda study: done(study)[0].value or 0.0, reverse=not ascending)[0]


def pick(study: "Study", number: int | None) -> "FrozenTrial":
    """Return the trial of that number, or the best one.

    Raises:
        VolantError: If the trial has no result, or several objectives leave several best ones.
    """
    best = done(study)
    if number is None and len(study.directions) == 1:
        return best[0]
    if number is None:
        front = "\n".join(f"  --trial {trial.number}: {_said(study, trial)}" for trial in best)
        raise VolantError(f"{study.study_name} has several objectives, so that none is the best. Choose one:\n{front}")
    for trial in study.get_trials(deepcopy=False):
        if trial.number == number and trial.state.name == "COMPLETE":
            return trial
    raise VolantError(
        f"{study.study_name} has no trial {number} with a result. "
        f"The best: {', '.join(str(trial.number) for trial in best[:10])}."
    )


def _model_of(root: Path, name: str, option: str, own: str) -> dict[str, Any]:
    """Return the `model` of the flywheel before the settings; its own keys apply only to its own model."""
    from omegaconf import OmegaConf

    base = model_choice.model_tree(root, option)
    mine = model_choice.flywheel_tree(root, name) if option == own else {}
    return OmegaConf.to_container(OmegaConf.merge(base, mine))  # type: ignore[return-value]


def whole_lists(settings: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with each list index replaced by the whole list.

    Example:
        >>> whole_lists({"model.word_ngrams.1": 3}, {"word_ngrams": [1, 2]})
        {'model.word_ngrams': [1, 3]}
    """
    whole: dict[str, Any] = {}
    for dotted, value in settings.items():
        key, _, place = dotted.rpartition(".")
        if not place.isdigit():
            whole[dotted] = value
            continue
        now: Any = {"model": model}
        for part in key.split("."):
            now = now[part]
        whole[key] = [value if k == int(place) else old for k, old in enumerate(whole.get(key, now))]
    return whole


def _differs(root: Path, name: str, given: Mapping[str, Any]) -> str | None:
    from volant.sweep.plan import data_digest

    if size := given.get("train_subset_size"):
        return f"the trial learned from {size:,} rows, not from all"
    if given.get("seed") is not None:
        return f"the sweep had another seed ({given['seed']})"
    if given.get("data") != data_digest(root, name):
        return "the clean rows are others than the trial's"
    return None


def _terms(trial: "FrozenTrial") -> tuple[Any, Any]:
    given = overrides(trial)
    return given.get("train_subset_size"), given.get("data")


def _said(study: "Study", trial: "FrozenTrial") -> str:
    pairs = zip(study.user_attrs["objectives"], trial.values, strict=True)
    rows = overrides(trial).get("train_subset_size") or "all"
    return f"{', '.join(f'{name} {value:.6g}' for name, value in pairs)} ({rows} rows; {short(trial.params)})"


def show_applied(applied: Applied, console: Console | None = None) -> None:
    """Print the changes, and the next step."""
    console = console or Console()
    values = ", ".join(f"{name} {value:.6g}" for name, value in applied.values.items())
    console.print(
        f"{applied.path}: trial {applied.trial} of {applied.study} ({values})",
        highlight=False,
        soft_wrap=True,
    )
    for key, value in applied.changes.items():
        console.print(f"  {key}: {value}", markup=False, highlight=False, soft_wrap=True)
    again = (
        f"The figures will differ: {applied.differs}."
        if applied.differs
        else "With nothing else changed, it gives the same validation figures again."
    )
    console.print(f"Next: make repro FLYWHEEL={applied.path.stem}. {again}", highlight=False, soft_wrap=True)
