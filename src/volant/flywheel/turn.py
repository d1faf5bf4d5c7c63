"""The turn itself: news, stages, gate, registry, and one record of what was decided and why."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from volant import compose, config
from volant.alerts import tell
from volant.datasets import catalogue
from volant.datasets.locking import locked as lake
from volant.datasets.locking import recover
from volant.flywheel import journal, pipeline, scores
from volant.flywheel.lock import locked
from volant.flywheel.pipeline import News, Ran
from volant.gate import Decision, judge
from volant.provenance import digest
from volant.schema import write_text

if TYPE_CHECKING:
    from volant.tracking.registry import Registry, Version

Outcome = Literal["nothing", "evaluated", "promoted", "waiting", "rejected"]


@dataclass
class Turn:
    """What one iteration found, did and decided; `reports/<flywheel>/iteration.json`.

    Attributes:
        flywheel: Its name.
        case: `nothing`, `test`, `train`, `both`, `first` or `changed` (code, config or files of the source).
        news: What DVC found changed.
        datasets: Names of the datasets that the last turn had not seen.
        ran: Stages that ran, and those that DVC restored.
        outcome: How it ended.
        active: Number of the active version before the turn.
        version: Number of the version of the bundle that was evaluated.
        metric: The flywheel's metric.
        new: Test scores of the evaluated bundle, with intervals.
        comparison: Against the active version on the same rows.
        decision: The gate's, condition by condition.
        next: The command that comes next.
    """

    flywheel: str
    case: str
    news: News
    datasets: list[str] = field(default_factory=list)
    ran: Ran = field(default_factory=Ran)
    outcome: Outcome = "nothing"
    active: int | None = None
    version: int | None = None
    metric: str = ""
    new: dict[str, Any] = field(default_factory=dict)
    comparison: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    next: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def plan(name: str, overrides: Sequence[str] = (), root: Path = Path()) -> Turn:
    """What a turn would find, without running or writing anything but params.yaml."""
    compose.write_params(root, overrides)
    flywheel = config.flywheel(name, config.load(root / config.PARAMS))
    return _look(name, flywheel, root)


def iterate(
    name: str, overrides: Sequence[str] = (), root: Path = Path(), planned: Callable[[Turn], object] | None = None
) -> Turn:
    """One locked turn of a flywheel; cut off, the next one goes on where it stopped.

    Args:
        name: Of a live flywheel.
        overrides: Of the config, in Hydra's grammar, for this turn.
        root: The project's root.
        planned: Called with what was found, before anything runs.

    Raises:
        VolantError: If another turn is on, a stage fails, or the registry can't be reached; nothing is lost then.
    """
    with locked(name, root):
        with lake(name, root):
            recover(name, root)  # what an ingest that was killed has left would stop DVC
        turn = plan(name, overrides, root)
        if planned:
            planned(turn)
        flywheel = config.flywheel(name, config.load(root / config.PARAMS))
        if not turn.news.any and journal.read(name, root) == journal.now(name, flywheel, root):
            return turn
        if absent := _absent(name, root):
            pipeline.fetch(absent, root)
        turn.ran = pipeline.reproduce(name, root)
        _decide(turn, flywheel, root)
        write_text(json.dumps(turn.to_json(), indent=2) + "\n", root / "reports" / name / "iteration.json")
        journal.write(name, journal.now(name, flywheel, root), root)
        return turn


def _look(name: str, flywheel: config.Flywheel, root: Path) -> Turn:
    news = pipeline.news(name, root)
    seen = (journal.read(name, root) or {}).get("datasets", [])
    fresh = [card.name for card in catalogue.cards(name, root) if not card.unused and card.name not in seen]
    return Turn(name, _case(news, (root / "models" / name).exists()), news, fresh, metric=flywheel.metric)


def _absent(name: str, root: Path) -> list[str]:
    """Datasets whose rows are not on this machine, as after a fresh clone."""
    paths = [catalogue.rows_path(card, root) for card in catalogue.cards(name, root) if not card.unused]
    return [f"{path}.dvc" for path in paths if not path.exists()]


def _case(news: News, trained: bool) -> str:
    if not trained:
        return "first"
    if news.train:
        return "both" if news.test else "train"
    if news.test:
        return "test"
    return "changed" if news.any else "nothing"


def _decide(turn: Turn, flywheel: config.Flywheel, root: Path) -> None:
    """Register the evaluated bundle if it is no version yet, gate it, and do what the gate and config say."""
    from volant.tracking.registry import registry

    record = _record(turn.flywheel, flywheel, root)
    turn.new = {"scores": record.details["scores"], "intervals": record.details["intervals"]}
    with registry(root) as versions:
        active = versions.champion(turn.flywheel)
        version = versions.register(turn.flywheel, root / "models" / turn.flywheel, record)
        turn.active, turn.version = active.number if active else None, version.number
        if active and active.number != version.number:
            found, why = scores.against(turn.flywheel, flywheel, versions, active, root)
            turn.comparison = found.to_json() if found else {"why": why}
        else:
            found, why = None, "there is no active version yet" if not active else "it is the active version"
        if not _open(version, flywheel, versions):
            turn.outcome = "waiting" if version.status == "pending" else "evaluated"
        else:
            _gate(turn, version, flywheel, versions, judge(flywheel.gate, record.details, record.speed, found, why))
    turn.next = _next(turn)


def _open(version: "Version", flywheel: config.Flywheel, versions: "Registry") -> bool:
    """Whether the gate has to decide on a version: it did not yet, or it did under other conditions, or was cut off."""
    gated = versions.record(version.flywheel, version.number).gate
    if version.status == "approved":
        promoted = any(e.event == "promote" and e.version == version.number for e in versions.history(version.flywheel))
        return flywheel.approval == "auto" and not promoted
    if gated is None:
        return version.status == "pending"
    judged_otherwise = gated["config"] != digest(asdict(flywheel.gate))
    if version.status == "rejected":  # a person's word stands; the gate's falls with its conditions
        return judged_otherwise and bool(version.reasons)
    return judged_otherwise or flywheel.approval == "auto"


GATE = "gate"


def _gate(turn: Turn, version: "Version", flywheel: config.Flywheel, versions: "Registry", decision: Decision) -> None:
    """Do what the gate and the config say of a version, and keep why."""
    name, number = turn.flywheel, version.number
    turn.decision = decision.to_json()
    kept = {**turn.decision, "config": digest(asdict(flywheel.gate)), "comparison": turn.comparison}
    versions.annotate(name, number, kept)
    if not decision.passed:
        versions.reject(name, number, note="the gate", reasons=decision.reasons, by=GATE)
        tell(name, f"version {number} was rejected by the gate: {'; '.join(decision.reasons)}")
        turn.outcome = "rejected"
    elif flywheel.approval == "auto":
        versions.approve(name, number, note="by config: approval is auto", by=GATE)
        versions.promote(name, number, by=GATE)
        turn.outcome = "promoted"
    else:
        tell(name, f"version {number} passed the gate and waits for approval")
        turn.outcome = "waiting"


def _record(name: str, flywheel: config.Flywheel, root: Path) -> Any:
    from volant.results import read_results
    from volant.tracking.registry import Record

    found = read_results(name, root)
    used = [card.name for card in catalogue.cards(name, root) if not card.unused]
    return Record(asdict(flywheel), found["details"], found["speed"], found["train"], used, None)


def _next(turn: Turn) -> str:
    name, number = turn.flywheel, turn.version
    return {
        "promoted": f"volant show {name} {number}",
        "waiting": f"volant approve {name} {number} && volant promote {name} {number}",
        "rejected": f"volant next {name}",
        "evaluated": f"volant versions {name}",
        "nothing": f"volant ingest {name} FILE --split train",
    }[turn.outcome]
