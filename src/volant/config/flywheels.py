"""`params.yaml` as frozen, checked dataclasses."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config.binding import CONF, STRICT, build, message, origin, validate
from volant.errors import VolantError, did_you_mean

PARAMS = Path("params.yaml")
# dvc.yaml names these, and DVC wants to find what it is to watch: how each says that the usual will do
WATCHED = {"labels": "null: those of train", "split": "{}: the usual shares", "evaluation": "{}: the usual report"}
ROWS = ("dataset", "id", "label", "labels", "text")  # columns that rows have of themselves


@dataclass(frozen=True, config=STRICT)
class Split:
    """The split of rows: shares of what the source leaves open, and what must stay on one side.

    Attributes:
        test: Share of rows for test where the source publishes none.
        validation: Share of train for validation where the source publishes none.
        group: Column whose equal values never straddle a split (a movie, a user, a document).
        near_duplicates: Similarity of words from which two texts count as the same, 0.4 at least; 1: the same words.
        train_subset_size: Keep this many train rows, for quick runs; all by default.
        seed: Of the cut alone, so that another seed of the training leaves every row on its side.
    """

    test: float = Field(default=0.2, gt=0, lt=1)
    validation: float = Field(default=0.1, gt=0, lt=1)
    group: str | None = None
    near_duplicates: float = Field(default=0.8, ge=0.4, le=1)
    train_subset_size: int | None = Field(default=None, ge=8)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, config=STRICT)
class Evaluation:
    """The parts of an evaluation: slices by source column, bootstrap samples, worst errors."""

    slices: list[str] = Field(default_factory=list)
    bootstrap_samples: int = Field(default=1000, ge=100)
    worst_errors: int = Field(default=20, ge=0)


@dataclass(frozen=True, config=STRICT)
class Gate:
    """The requirements on a new version before it may become the champion; null: not required.

    Attributes:
        min: Metric to the lowest test score that is accepted.
        require: `not_worse` than the champion on the same rows: a loss over `margin` is excluded; or `better`.
        margin: How much of the flywheel's metric counts as nothing.
        confidence: That no version passes wrongly, over all comparisons until one is shown to be better.
        max_label_drop: How much F1 of one label may fall against the champion.
        max_slice_drop: How much the metric may fall on one slice of the test rows.
        min_support: Labels and slices with fewer test rows are reported, and decide nothing.
        max_size_mb: Largest bundle.
        max_latency_ms: Longest median time of one text.
        max_ece: Largest calibration error.
    """

    min: dict[str, float] = Field(default_factory=dict)
    require: Literal["not_worse", "better"] = "not_worse"
    margin: float = Field(default=0.01, ge=0, lt=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    max_label_drop: float | None = Field(default=0.05, ge=0)
    max_slice_drop: float | None = Field(default=0.1, ge=0)
    min_support: int = Field(default=50, ge=1)
    max_size_mb: float | None = Field(default=None, gt=0)
    max_latency_ms: float | None = Field(default=None, gt=0)
    max_ece: float | None = Field(default=None, gt=0, le=1)


@dataclass(frozen=True, config=STRICT)
class Flywheel:
    """One configured loop. `source` and `model` name a class of Volant (`_target_`) and its arguments."""

    kind: str
    description: str
    source: dict[str, Any]
    cleaning: list[str | dict[str, Any]]
    model: dict[str, Any]
    metric: str
    seed: int
    split: Split = Field(default_factory=Split)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    gate: Gate = Field(default_factory=Gate)
    approval: Literal["auto", "manual"] = "auto"
    labels: list[str] | None = None


@dataclass(frozen=True, config=STRICT)
class Config:
    """Everything: the live flywheels by name, and the seed that they share unless they name their own."""

    seed: int
    flywheels: dict[str, Flywheel]


def load(params: Path = PARAMS) -> Config:
    """Read and check `params.yaml`.

    Raises:
        VolantError: If the file is missing, or a key is unknown, missing or of the wrong type; names the file in
            `conf/` to fix, the dotted key, the value given, what is allowed and the nearest valid name.
    """
    if not params.exists():
        raise VolantError(f"{params} does not exist here. Run volant in the project's root; `volant params` makes it.")
    return check(read_params(params))


def read_params(params: Path = PARAMS) -> Any:
    """Return the tree of `params.yaml`, unchecked.

    Raises:
        VolantError: If it is not valid YAML, as in the middle of a merge; names the line.
    """
    try:
        text = params.read_text(encoding="utf-8")
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VolantError(
            f"{params} is not valid YAML ({trouble(params, error)}). `volant params` writes it again."
        ) from error
    if not isinstance(tree, dict):
        raise VolantError(f"{params} holds no flywheels. `volant params` writes it again.")
    return tree


def trouble(path: Path, error: Exception) -> str:
    """Return where a file is not valid YAML: the line of a merge conflict, else the parser's message."""
    lines = path.read_bytes().splitlines()
    marks = (b"<<<<<<<", b"=======", b">>>>>>>")
    if number := next((n for n, line in enumerate(lines, 1) if line.startswith(marks)), 0):
        return f"line {number}: a merge conflict"
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', error)}" if mark else " ".join(str(error).split())


def check(tree: dict[str, Any]) -> Config:
    """Turn a composed tree into a `Config`, with the models and sources of every flywheel bound but not built.

    Raises:
        VolantError: If a key is unknown, missing or of the wrong type; has a line for each.
    """
    config = validate(Config, tree, "")
    lines = [
        message(f"flywheels.{name}.{key}", None, f"a value: the key is missing ({usual})", kind="key")
        for name, flywheel in tree["flywheels"].items()
        for key, usual in WATCHED.items()
        if key not in flywheel
    ]
    if lines:
        raise VolantError("\n".join(lines))
    for name, flywheel in config.flywheels.items():
        _check_flywheel(flywheel, f"flywheels.{name}")
    return config


def _check_flywheel(flywheel: Flywheel, key: str) -> None:
    from volant.cleaning import parse_steps
    from volant.kinds import KINDS

    _check_kind(flywheel, key)
    for part in ("source", "model"):
        build(getattr(flywheel, part), f"{key}.{part}")
    metrics = KINDS[flywheel.kind].metrics
    if flywheel.metric not in metrics:
        hint = did_you_mean(flywheel.metric, metrics)
        raise VolantError(message(f"{key}.metric", flywheel.metric, f"one of {', '.join(metrics)}", hint))
    for name in flywheel.gate.min:
        if name not in metrics:
            allowed = f"one of {', '.join(metrics)}"
            raise VolantError(message(f"{key}.gate.min.{name}", name, allowed, did_you_mean(name, metrics), "key"))
    kept: list[str] | None = (flywheel.source.get("columns") or {}).get("keep")
    for name in flywheel.evaluation.slices:
        if kept is not None and name not in {*kept, *(f"source_{column}" for column in kept), *ROWS}:
            allowed = f"a column that source.columns.keep lists ({', '.join(kept) or 'none'}), or {', '.join(ROWS)}"
            raise VolantError(message(f"{key}.evaluation.slices", name, allowed, did_you_mean(name, kept)))
    try:
        parse_steps(flywheel.cleaning)
    except VolantError as error:
        raise VolantError(f"{origin(key)}: {key}.cleaning: {error}") from error


def _check_kind(flywheel: Flywheel, key: str) -> None:
    from volant.kinds import KINDS

    if flywheel.kind not in KINDS:
        hint = did_you_mean(flywheel.kind, KINDS)
        raise VolantError(message(f"{key}.kind", flywheel.kind, f"one of {', '.join(KINDS)}", hint))


def flywheel(name: str, config: Config | None = None) -> Flywheel:
    """Return the live flywheel of that name.

    Raises:
        VolantError: If no live flywheel has it; lists those that are live.
    """
    live = (config or load()).flywheels
    if name not in live:
        raise VolantError(
            f"No live flywheel is called '{name}'.{did_you_mean(name, live)} Live: {', '.join(sorted(live)) or '-'}. "
            f"Make one live with a line in {CONF / 'config.yaml'}: `- flywheel@flywheels.{name}: {name}`."
        )
    return live[name]
