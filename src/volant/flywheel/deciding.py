"""What becomes of the bundle that was evaluated: registered, gated, promoted, kept waiting or rejected.

Each step can be made again: the same bundle is the same version, and what was decided is read back from the registry.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from volant import config
from volant.alerts import tell
from volant.datasets import catalogue
from volant.flywheel import journal, scores
from volant.flywheel.record import Turn
from volant.gate import Best, Decision, judge
from volant.provenance import digest
from volant.results import read_results
from volant.schema import sha256
from volant.tracking.registry import Record, Registry, Version, registry

GATE = "gate"


def decide(turn: Turn, flywheel: config.Flywheel, root: Path = Path()) -> None:
    """Register the evaluated bundle if it is no version yet, gate it where that is due, do what gate and config say.

    Raises:
        VolantError: If the registry or its files can't be reached: the same turn then goes on later.
    """
    name = turn.flywheel
    record = _record(name, flywheel, root)
    turn.new = {"scores": record.details["scores"], "intervals": record.details["intervals"]}
    with registry(root) as versions:
        active = versions.champion(name)
        version = versions.register(name, root / "models" / name, record)
        turn.active, turn.version = active.number if active else None, version.number
        found, why = None, "there is no active version yet" if not active else "it is the active version"
        if active and active.number != version.number:
            found, why = scores.against(name, flywheel, versions, active, root)
            turn.comparison = found.to_json() if found else {"why": why}
        gated = versions.record(name, version.number).gate
        terms = {
            "config": digest(asdict(flywheel.gate)),
            "test": sha256(root / "data" / name / "clean/test.parquet"),
        }
        if _due(turn, version, flywheel, versions, gated, terms):
            measured = _measured(record.details, terms["test"])
            best = _best(flywheel.metric, turn, versions, measured)
            decision = judge(flywheel.gate, record.details, record.speed, found, why, best)
            turn.judged, turn.decision = (decision, found), decision.to_json()
            kept = {**turn.decision, **terms, "comparison": turn.comparison}
            versions.annotate(name, version.number, kept, measured)
            _act(turn, version, flywheel, versions, decision)
        else:
            _recall(turn, version, gated, root)
    turn.next = _next(turn)


def _due(
    turn: Turn,
    version: Version,
    flywheel: config.Flywheel,
    versions: Registry,
    gated: Mapping[str, Any] | None,
    terms: Mapping[str, str],
) -> bool:
    """Whether the gate has to decide: it did not yet, or under other terms, or was cut off before it could act."""
    auto = flywheel.approval == "auto"
    if version.status == "approved":
        if version.number == turn.active or not auto or version.approved_by != GATE:
            return False  # a person's approval: a person promotes
        return _unpromoted(turn, version, versions)
    if gated is None:
        return version.status == "pending"
    if version.status == "rejected":  # a person's word stands; the gate's falls with its conditions
        return gated["config"] != terms["config"] and bool(version.reasons)
    return auto or not gated["passed"] or any(gated.get(key) != value for key, value in terms.items())


def _measured(details: Mapping[str, Any], test: str) -> dict[str, Any]:
    """What a later version can be held against, if it answers the same rows with the same labels."""
    labels = digest(sorted(row["label"] for row in details["labels"]))
    return {"test": test, "labels": labels, "scores": details["scores"]}


def _best(metric: str, turn: Turn, versions: Registry, now: Mapping[str, Any]) -> Best | None:
    """The best of the champions before the active one that were gated on these very test rows, with these labels.

    Else a chain of versions, each within the margin of the one before, could fall as deep as it is long.
    """
    score, found = now["scores"].get(metric), []
    for other in versions.line(turn.flywheel):
        same = all(other.gated.get(key) == now[key] for key in ("test", "labels"))
        if other.number not in (turn.version, turn.active) and same and other.gated["scores"].get(metric) is not None:
            found.append(Best(other.number, metric, other.gated["scores"][metric]))
    return min(found, key=lambda best: best.gain(score), default=None) if score is not None else None


def _unpromoted(turn: Turn, version: Version, versions: Registry) -> bool:
    """Whether a version that the gate approved was cut off before its promotion, or the data led back to it."""
    moves = [e for e in versions.history(version.flywheel) if e.event in ("promote", "rollback")]
    if all(move.version != version.number for move in moves):
        return True
    left = moves[-1].event == "rollback" and moves[-1].previous == version.number  # a person went away from it
    return "train" in (*turn.ran.executed, *turn.ran.restored) and not left


def _act(turn: Turn, version: Version, flywheel: config.Flywheel, versions: Registry, decision: Decision) -> None:
    """Do what the gate and the config say of a version."""
    name, number = turn.flywheel, version.number
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


def _recall(turn: Turn, version: Version, gated: Mapping[str, Any] | None, root: Path) -> None:
    """How it stands with a version that was decided on before; told again where that turn could not tell it."""
    told = (journal.read(turn.flywheel, root) or {}).get("bundle") == version.digest
    if version.status == "pending":
        turn.outcome = "waiting"
    elif told:
        turn.outcome = "evaluated"
    elif version.status == "rejected":
        turn.outcome = "rejected"
    else:
        turn.outcome = "promoted" if version.number == turn.active else "evaluated"
    turn.decision = dict(gated) if gated and not told else None


def _record(name: str, flywheel: config.Flywheel, root: Path) -> Record:
    found = read_results(name, root)
    used = catalogue.prepared(name, root)
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
