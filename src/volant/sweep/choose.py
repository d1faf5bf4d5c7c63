"""The choice of a study and of its best trial, for `volant sweep apply`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError, did_you_mean
from volant.sweep.study import done, overrides, short

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def choose(studies: Sequence["Study"], flywheel: str, name: str | None) -> "Study":
    """Return the study of that name; without a name, that of the best trial, if the studies can be compared.

    Args:
        studies: Studies of the flywheel that have results.
        flywheel: Name of the flywheel.
        name: Name of the study, or None.

    Raises:
        VolantError: If there is no such study, or the studies can't be compared.
    """
    by_name = {study.study_name: study for study in studies}
    if name in by_name:
        return by_name[name]
    if name or not studies:
        problem = (
            f"'{name}' is not a study of {flywheel} with results." if name else f"No study of {flywheel} has a result."
        )
        others = f" There are: {', '.join(by_name)}." if by_name else ""
        raise VolantError(
            f"{problem}{did_you_mean(str(name), by_name)}{others} Run one: "
            f"`python -m volant.sweep -m flywheel={flywheel} sweep=linear`."
        )
    if len(studies) == 1:
        return studies[0]
    terms = {_terms(study) for study in studies}
    if len(terms) > 1 or any(len(study.directions) > 1 for study in studies):
        lines = [f"  {study.study_name}: {_summary(study, done(study)[0])}" for study in studies]
        raise VolantError(
            f"{flywheel} has several studies with different rows or objectives, so none is the best. "
            "Choose one with --study:\n" + "\n".join(lines)
        )
    ascending = studies[0].directions[0].name == "MINIMIZE"
    return sorted(studies, key=lambda study: done(study)[0].value or 0.0, reverse=not ascending)[0]


def pick(study: "Study", number: int | None) -> "FrozenTrial":
    """Return the trial of that number, or the best one.

    Raises:
        VolantError: If the trial has no result, or several objectives leave several best ones.
    """
    best = done(study)
    if number is None and len(study.directions) == 1:
        return best[0]
    if number is None:
        front = "\n".join(f"  --trial {trial.number}: {_summary(study, trial)}" for trial in best)
        raise VolantError(f"{study.study_name} has several objectives, so no trial is the best. Choose one:\n{front}")
    for trial in study.get_trials(deepcopy=False):
        if trial.number == number and trial.state.name == "COMPLETE":
            return trial
    raise VolantError(
        f"{study.study_name} has no trial {number} with a result. "
        f"The best: {', '.join(str(trial.number) for trial in best[:10])}."
    )


def _terms(study: "Study") -> tuple[Any, ...]:
    """Return what must be equal for two studies to be compared: the objectives and the rows."""
    settings = overrides(done(study)[0])
    objectives = str(study.user_attrs.get("objectives"))
    return objectives, study.directions[0], settings.get("train_subset_size"), settings.get("data")


def _summary(study: "Study", trial: "FrozenTrial") -> str:
    pairs = zip(study.user_attrs["objectives"], trial.values, strict=True)
    rows = overrides(trial).get("train_subset_size") or "all"
    return f"{', '.join(f'{name} {value:.6g}' for name, value in pairs)} ({rows} rows; {short(trial.params)})"
