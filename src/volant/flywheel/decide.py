"""The decision on the bundle that was evaluated: registered, gated, promoted, kept waiting or rejected.

Each step can be made again: the same bundle is the same version, and what was decided is read back from the registry.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from volant import config
from volant.datasets import catalogue
from volant.errors import VolantError
from volant.evaluation.results import read_results
from volant.flywheel import against_champion, last_iteration
from volant.flywheel.champions import rows_digest
from volant.flywheel.gate import Champions, Comparison, Decision, judge
from volant.flywheel.record import Iteration
from volant.kinds import KINDS
from volant.monitor.alerts import send_alert
from volant.tracking.ledger import State
from volant.tracking.registry import Record, Registry, Seen, StaleError, Version, registry
from volant.workspace import paths
from volant.workspace.provenance import digest

GATE = "gate"
ATTEMPTS = 10  # each time, somebody else decided during the comparison


def decide(iteration: Iteration, flywheel: config.Flywheel, root: Path = Path()) -> None:
    """Register the evaluated bundle if it is no version yet, gate it where that is due, act by the gate and config.

    Where somebody else decides meanwhile, on this machine or another, it is compared again with what is true then.

    Args:
        iteration: Record of the iteration, which is completed.
        flywheel: Config of the flywheel.
        root: Root of the project.

    Raises:
        VolantError: If the registry or its files can't be reached: the same iteration then resumes later.
    """
    name = iteration.flywheel
    record = _record(name, flywheel, root)
    iteration.new = {"scores": record.details["scores"], "intervals": record.details["intervals"]}
    test = against_champion.rows(name, root)
    measured = _measured(record.details, rows_digest(test, KINDS[flywheel.kind]))
    with registry(root) as versions:
        iteration.version = versions.register(name, paths.bundle(name, root), record).number
        contest = against_champion.Contest.of(name, flywheel, versions, test, measured, root)
        for _ in range(ATTEMPTS):
            try:
                _decide(iteration, flywheel, contest, record, root)
                break
            except StaleError:
                continue
        else:
            raise VolantError(
                f"Others decided about versions of {name} {ATTEMPTS} times during the comparison. "
                "Nothing was promoted; run the same command again."
            )
    iteration.next = _next(iteration)


def _decide(
    iteration: Iteration, flywheel: config.Flywheel, contest: against_champion.Contest, record: Record, root: Path
) -> None:
    """Decide once, in view of one state of the ledger.

    A `StaleError` results if the ledger says something else by the time that the decision is to be written.
    """
    name = iteration.flywheel
    number = iteration.version or 0
    versions = contest.registry
    measured = contest.measured
    now = versions.state(name)
    every = {version.number: version for version in versions.versions(name)}
    version = every[number]
    champion = every.get(now.champion or 0)
    iteration.active = champion.number if champion else None
    iteration.decided_before = now.tests.get(measured["test"], 0)
    gated = versions.record(name, number).gate
    terms = {"config": digest(asdict(flywheel.gate)), "test": measured["test"]}
    if not _due(iteration, version, flywheel, versions, gated, {**terms, "champion": now.champion}):
        iteration.comparison = gated.get("comparison") if gated and gated["test"] == terms["test"] else None
        if number == iteration.active:  # so that a later version can be held against it although it can't answer then
            versions.annotate(name, number, None, measured)
        _recall(iteration, version, gated, root)
        return
    seen = Seen(now.champion, now.statuses[number])
    found, champions = _compare(contest, number, now, every)
    decision = judge(flywheel.gate, record.details, record.speed, found, champions)
    iteration.comparison = found.to_json() if found else {"why": champions.trouble or "there is no champion yet"}
    iteration.judged = (decision, found)
    iteration.decision = decision.to_json()
    if found:  # first of all: a comparison that was made counts, whatever becomes of it
        note = f"comparison {found.look}: {found.verdict.replace('_', ' ')}"
        look = replace(seen, looks=now.looks)
        versions.compared(name, number, found.verdict, terms["test"], note=note, seen=look, by=GATE)
    kept = {**iteration.decision, **terms, "champion": now.champion, "comparison": iteration.comparison}
    versions.annotate(name, number, kept, measured)
    _act(iteration, version, flywheel, versions, decision, seen)


def _compare(
    contest: against_champion.Contest, number: int, now: State, every: Mapping[int, Version]
) -> tuple[Comparison | None, Champions]:
    """Compare with the champion of the ledger, and with every champion that a rollback could go back to."""
    if now.champion is None:
        return None, Champions()
    champion = every.get(now.champion)
    if champion is None:
        return None, Champions(exists=True, trouble=f"version {now.champion}, the champion, was deleted in MLflow")
    former = [every[n] for n in dict.fromkeys(now.champions) if n in every and now.statuses[n] == "approved"]
    others = [version for version in former if version.number not in (champion.number, number)]
    return contest.against(champion, others, now.looks + 1)


def _due(
    iteration: Iteration,
    version: Version,
    flywheel: config.Flywheel,
    versions: Registry,
    gated: Mapping[str, Any] | None,
    terms: Mapping[str, Any],
) -> bool:
    """Return whether the gate has to decide: not yet, or under other terms, or interrupted before it acted."""
    auto = flywheel.approval == "auto"
    if version.status == "approved":
        if version.number == iteration.active or not auto or version.approved_by != GATE:
            return False  # a person's approval: a person promotes
        return _unpromoted(iteration, version, versions)
    if gated is None:
        return version.status == "pending"
    if version.status == "rejected":  # a person's word stands; the gate's falls with its conditions
        return gated["config"] != terms["config"] and bool(version.reasons)
    changed = any(gated.get(key) != terms[key] for key in ("config", "test"))
    if gated.get("outcome") == "waits":  # a person decides, unless there is something else to compare now
        return changed or gated.get("champion") != terms["champion"]
    return auto or not gated["passed"] or changed


def _measured(details: Mapping[str, Any], test: str) -> dict[str, Any]:
    """Return the record that a later version can be compared with, on the same rows with the same labels."""
    labels = digest(sorted(row["label"] for row in details["labels"]))
    return {"test": test, "labels": labels, "scores": details["scores"]}


def _unpromoted(iteration: Iteration, version: Version, versions: Registry) -> bool:
    """Return whether an approved version was interrupted before its promotion, or the data led back to it."""
    moves = [e for e in versions.history(version.flywheel) if e.event in ("promote", "rollback")]
    if all(move.version != version.number for move in moves):
        return True
    left = moves[-1].event == "rollback" and moves[-1].previous == version.number  # a person went away from it
    return "train" in (*iteration.ran.executed, *iteration.ran.restored) and not left


def _act(
    iteration: Iteration,
    version: Version,
    flywheel: config.Flywheel,
    versions: Registry,
    decision: Decision,
    seen: Seen,
) -> None:
    """Act on the verdict as config says, while the ledger still says what was seen.

    A `StaleError` results if it doesn't.
    """
    name = iteration.flywheel
    number = version.number
    if decision.outcome == "failed":
        versions.reject(name, number, note="the gate", reasons=decision.reasons, by=GATE, seen=seen)
        send_alert(name, f"version {number} was rejected by the gate: {'; '.join(decision.reasons)}")
        iteration.outcome = "rejected"
    elif decision.outcome == "waits":
        send_alert(name, f"version {number} waits for a person's decision: {'; '.join(decision.reasons)}")
        iteration.outcome = "undecided"
    elif flywheel.approval == "auto":
        versions.approve(name, number, note="by config: approval is auto", by=GATE, seen=seen)
        versions.promote(name, number, by=GATE, seen=replace(seen, status="approved"))
        iteration.outcome = "promoted"
    else:
        send_alert(name, f"version {number} passed the gate and waits for approval")
        iteration.outcome = "waiting"


def _recall(iteration: Iteration, version: Version, gated: Mapping[str, Any] | None, root: Path) -> None:
    """Set the outcome of a version that was decided on before, again where that iteration could not report it."""
    told = (last_iteration.read(iteration.flywheel, root) or {}).get("bundle") == version.digest
    if version.status == "pending":
        iteration.outcome = "undecided" if gated and gated.get("outcome") == "waits" else "waiting"
    elif told:
        iteration.outcome = "evaluated"
    elif version.status == "rejected":
        iteration.outcome = "rejected"
    else:
        iteration.outcome = "promoted" if version.number == iteration.active else "evaluated"
    iteration.decision = dict(gated) if gated and not told else None


def _record(name: str, flywheel: config.Flywheel, root: Path) -> Record:
    found = read_results(name, root)
    used = catalogue.prepared(name, root)
    return Record(asdict(flywheel), found["details"], found["speed"], found["train"], used, None)


def _next(iteration: Iteration) -> str:
    name = iteration.flywheel
    number = iteration.version
    return {
        "promoted": f"volant show {name} {number}",
        "undecided": f"volant approve {name} {number} && volant promote {name} {number} (or: volant reject)",
        "waiting": f"volant approve {name} {number} && volant promote {name} {number}",
        "rejected": f"volant next {name}",
        "evaluated": f"volant versions {name}",
        "nothing": f"volant ingest {name} FILE --split train",
    }[iteration.outcome]
