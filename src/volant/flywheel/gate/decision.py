"""The decision of the gate: every condition with its value, its bound and its verdict."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from volant.config import Gate
from volant.flywheel.gate.comparison import Comparison
from volant.flywheel.gate.condition import Condition, reason
from volant.flywheel.gate.past import Champions
from volant.flywheel.gate.requirements import against_best, compared, first, not_compared

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Decision:
    """The verdict on a version, and why."""

    conditions: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        """Return whether every condition was met."""
        return all(condition.passed for condition in self.conditions)

    @property
    def outcome(self) -> Literal["passed", "failed", "waits"]:
        """`waits`: nothing failed, but something could not be decided, and a person has to."""
        if any(not condition.passed and not condition.waits for condition in self.conditions):
            return "failed"
        return "passed" if self.passed else "waits"

    @property
    def reasons(self) -> list[str]:
        """Return a line for each condition that was not met."""
        return [reason(condition) for condition in self.conditions if not condition.passed]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        conditions = [asdict(condition) for condition in self.conditions]
        return {"passed": self.passed, "outcome": self.outcome, "reasons": self.reasons, "conditions": conditions}


def judge(
    gate: Gate,
    details: Mapping[str, Any],
    speed: Mapping[str, Any],
    comparison: Comparison | None,
    champions: Champions | None = None,
) -> Decision:
    """Compare what was measured with what config requires.

    What is required but was not measured fails: a budget that nobody checked is not met. Where there is a champion
    that can't be compared, its recorded score on the same rows decides, else a person.

    Args:
        gate: What config requires.
        details: Content of `reports/<flywheel>/details.json`: the new version on test.
        speed: Content of `reports/<flywheel>/speed.json`.
        comparison: With the champion, if there is one.
        champions: Whom else it is compared with, and why there is no comparison.

    Example:
        >>> judge(Gate(min={"macro_f1": 0.75}), {"scores": {"macro_f1": 0.7}}, {}, None).reasons[0]
        'macro_f1 is 0.700, required: at least 0.75'
    """
    scores = details.get("scores", {})
    calibration = details.get("calibration", {})
    champions = champions or Champions(exists=comparison is not None)
    conditions = [_least(name, scores.get(name), bound) for name, bound in gate.min.items()]
    if comparison:
        conditions += compared(gate, comparison, champions)
    else:
        conditions.append(not_compared(gate, champions) if champions.exists else first(details))
    if champions.best:
        conditions.append(against_best(gate, champions.best, comparison))
    size = speed.get("size_bytes")
    budgets = (
        ("size in MB", None if size is None else size / MEGABYTE, gate.max_size_mb),
        ("median milliseconds of one text", speed.get("latency_p50_ms"), gate.max_latency_ms),
        ("calibration error", calibration.get("ece"), gate.max_ece),
    )
    conditions += [_most(name, value, bound) for name, value, bound in budgets if bound is not None]
    return Decision(tuple(conditions))


def _least(name: str, value: float | None, bound: float) -> Condition:
    note = "" if value is not None else "not measured, or undefined on these test rows"
    return Condition(name, value, f"at least {bound:g}", value is not None and value >= bound, note)


def _most(name: str, value: float | None, bound: float) -> Condition:
    note = "" if value is not None else "not measured"
    return Condition(name, value, f"at most {bound:g}", value is not None and value <= bound, note)
