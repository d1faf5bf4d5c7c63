"""Studies: their storage, their goal, and their trials, best first."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volant import config
from volant.errors import VolantError
from volant.kinds.rates import lower_is_better
from volant.tracking.stores import without_password

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

FOLDER = Path(".cache/sweeps")
MODEL = "model@flywheel.model"  # Hydra's name for the choice of a sweep's model
COSTS = ("size", "latency")  # bytes of the bundle; ms per text


@dataclass(frozen=True)
class Goal:
    """The goal of a study: the flywheel, its trials' objectives, and the direction of each."""

    flywheel: str
    objectives: tuple[str, ...]
    directions: tuple[str, ...]


def direction(objective: str) -> str:
    """Return `maximize` or `minimize` for an objective.

    Example:
        >>> direction("val_macro_f1"), direction("val_hamming_loss"), direction("size")
        ('maximize', 'minimize', 'minimize')
    """
    return "minimize" if lower_is_better(objective) else "maximize"


def storage_url(root: Path, url: str | None = None) -> str:
    """Return the URL of the studies' database, by default that of `conf/sweep.yaml`.

    A relative SQLite path starts at the root.
    """
    from omegaconf import OmegaConf

    address = str(url or OmegaConf.load(root / config.CONF / "sweep.yaml").hydra.sweeper.storage)
    path = Path(address.removeprefix("sqlite:///"))
    return f"sqlite:///{root / path}" if address.startswith("sqlite:///") and not path.is_absolute() else address


@contextmanager
def database(url: str) -> Iterator[None]:
    """Turn errors of an unusable database into user errors, within the context.

    Raises:
        VolantError: If the database can't be used.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    except (SQLAlchemyError, ImportError) as error:
        reason = without_password(str(error).strip().splitlines()[0])
        raise VolantError(
            f"The study's database {without_password(url)} can't be used: {reason} Allowed: sqlite:///FILE, or the URL "
            "of a PostgreSQL or MySQL server whose driver is installed (psycopg[binary], pymysql)."
        ) from error


def open_study(name: str, url: str, goal: Goal) -> "Study":
    """Return the study of that name; create it if there is none.

    Fails with `VolantError` if the database can't be used, or the study has another goal.

    Args:
        name: Name of the study.
        url: URL of the studies' database.
        goal: Goal of the study.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    with database(url):
        study = _begin(name, url, goal)
    _check_goal(study, goal)
    return study


def _begin(name: str, url: str, goal: Goal, tries: int = 5) -> "Study":
    import optuna
    from optuna.study import StudyDirection
    from sqlalchemy.exc import IntegrityError, ProgrammingError

    ways = [StudyDirection[direction.upper()] for direction in goal.directions]
    try:
        study = optuna.create_study(storage=url, study_name=name, directions=ways, load_if_exists=True)
        if "objectives" not in study.user_attrs and not study.trials:  # a study with trials is not Volant's
            study.set_user_attr("flywheel", goal.flywheel)
            study.set_user_attr("objectives", list(goal.objectives))
    except (IntegrityError, ProgrammingError):
        if not tries:
            raise
        return _begin(name, url, goal, tries - 1)  # another machine was creating the same tables or rows
    return study


def _check_goal(study: "Study", goal: Goal) -> None:
    existing = _goal(study)
    if existing != goal:
        raise VolantError(
            f"The study '{study.study_name}' has another goal ({_text(existing)}) than this sweep ({_text(goal)}). "
            f"Use a new study: `study={study.study_name}-2`."
        )


def _goal(study: "Study") -> Goal:
    attributes = study.user_attrs
    directions = tuple(direction.name.lower() for direction in study.directions)
    return Goal(attributes.get("flywheel", "?"), tuple(attributes.get("objectives", ())), directions)


def _text(goal: Goal) -> str:
    pairs = zip(goal.objectives, goal.directions, strict=False)
    return f"{goal.flywheel}: {', '.join(f'{direction} {name}' for name, direction in pairs)}"


def studies(url: str, flywheel: str) -> list["Study"]:
    """Return the studies of a flywheel that have a trial with a result."""
    import optuna

    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    with database(url):
        stored = [optuna.load_study(study_name=name, storage=url) for name in optuna.get_all_study_names(url)]
        return [study for study in stored if study.user_attrs.get("flywheel") == flywheel and done(study)]


def done(study: "Study") -> list["FrozenTrial"]:
    """Return the trials with a result, best first; with several objectives, only the Pareto front."""
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        return []
    if len(study.directions) > 1:
        return study.best_trials
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return sorted(trials, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def overrides(trial: "FrozenTrial") -> dict[str, Any]:
    """Return the overrides of a trial, swept or from the command line: key → Python value."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    texts = [f"{key}={value}" for key, value in {**trial.user_attrs, **trial.params}.items()]
    parsed = OverridesParser.create().parse_overrides(texts)
    return {override.get_key_element().lstrip("+"): override.value() for override in parsed}


def short(settings: Mapping[str, Any]) -> str:
    """Return the settings of a trial as one line of text.

    Example:
        >>> short({"flywheel.model.training.learning_rate": 0.000123456, "flywheel.model.pooling": "mean"})
        'learning_rate 0.0001235, pooling mean'
    """
    return ", ".join(f"{leaf(key)} {_figure(value)}" for key, value in settings.items())


def leaf(key: str) -> str:
    """Return the last part of a dotted key that is a name, with the index in a list after it."""
    parts = key.split(".")
    return parts[-1] if not parts[-1].isdigit() else ".".join(parts[-2:])


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
