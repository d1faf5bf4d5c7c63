"""Every condition of the gate with its value, its bound and its verdict; together they let a version pass or not."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from volant.config import Gate
from volant.evaluation.report import LOSSES
from volant.gate.comparison import ROUNDING, Comparison

MEGABYTE = 1_000_000
FIRST = "there is no active version to compare with"


@dataclass(frozen=True)
class Condition:
    """One thing that was asked.

    Attributes:
        name: What was looked at.
        value: What was found; None where it could not be.
        bound: What is accepted, in words.
        passed: Whether it was met.
        note: What a person should know of it.
    """

    name: str
    value: float | str | None
    bound: str
    passed: bool
    note: str = ""


@dataclass(frozen=True)
class Best:
    """The best version so far on the same test rows: its number, the metric, and what it scored."""

    version: int
    metric: str
    score: float

    def gain(self, score: float) -> float:
        """How much better a score is."""
        return score - self.score if self.metric not in LOSSES else self.score - score


@dataclass(frozen=True)
class Decision:
    """What the gate says of a version, and why."""

    conditions: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        """Whether every condition was met."""
        return all(condition.passed for condition in self.conditions)

    @property
    def reasons(self) -> list[str]:
        """A line for each condition that was not met."""
        return [_reason(condition) for condition in self.conditions if not condition.passed]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        conditions = [asdict(condition) for condition in self.conditions]
        return {"passed": self.passed, "reasons": self.reasons, "conditions": conditions}


def judge(
    gate: Gate,
    details: Mapping[str, Any],
    speed: Mapping[str, Any],
    comparison: Comparison | None,
    why_none: str = "",
    best: Best | None = None,
) -> Decision:
    """Hold what was measured against what config asks.

    What was asked but not measured fails: a budget that nobody checked is not met. A comparison that can't be made
    passes and says so: else a lost or broken active version would bar every later one.

    Args:
        gate: What config asks.
        details: What `reports/<flywheel>/details.json` says of the new version on test.
        speed: What `reports/<flywheel>/speed.json` says.
        comparison: With the active version, if there is one.
        why_none: Why there is no comparison.
        best: The best version that was active, on the same test rows.

    Example:
        >>> judge(Gate(min={"macro_f1": 0.75}), {"scores": {"macro_f1": 0.7}}, {}, None).reasons
        ['macro_f1 is 0.700, asked: at least 0.75']
    """
    scores, calibration = details.get("scores", {}), details.get("calibration", {})
    conditions = [_least(name, scores.get(name), bound) for name, bound in gate.min.items()]
    conditions += _compared(gate, comparison) if comparison else [_not_compared(gate, why_none or FIRST)]
    conditions += [_held(gate, best, scores.get(best.metric))] if best else []
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


def _not_compared(gate: Gate, why: str) -> Condition:
    return Condition("against the active version", None, _asked(gate), True, f"not compared: {why}")


def _held(gate: Gate, best: Best, score: float | None) -> Condition:
    """By the point alone, as `worse` is: that version needn't be fetched and asked again."""
    gain = None if score is None else best.gain(score)
    note = f"version {best.version} had {best.metric} {best.score:.4f} on the same test rows"
    passed = gain is not None and gain >= -gate.margin - ROUNDING
    return Condition("against the best so far", gain, f"not worse by more than {gate.margin:g}", passed, note)


def _compared(gate: Gate, found: Comparison) -> list[Condition]:
    passed = found.verdict == "better" or (found.verdict == "not_worse" and gate.require == "not_worse")
    words = found.verdict.replace("_", " ")
    conditions = [Condition("against the active version", words, _asked(gate), passed, _figures(gate, found))]
    for what, key, rows, bound in (
        ("F1 by label", "label", found.labels, gate.max_label_drop),
        (f"{found.metric} by slice", "value", found.slices, gate.max_slice_drop),
    ):
        if bound is not None:
            conditions.append(_parts(what, key, rows, bound, gate.min_support))
    return conditions


def _asked(gate: Gate) -> str:
    return "better" if gate.require == "better" else f"not worse by more than {gate.margin:g}"


def _figures(gate: Gate, found: Comparison) -> str:
    low, high = found.interval
    tests = f"p {found.p_value:.3f}" + (f", McNemar p {found.mcnemar:.3f}" if found.mcnemar is not None else "")
    note = (
        f"{found.metric} {found.new:.4f} against {found.old:.4f} on {found.rows} rows: "
        f"{found.difference:+.4f} ({low:+.4f} to {high:+.4f}, {tests})"
    )
    if found.verdict == "not_worse" and not found.shown:
        note += f"; these rows are too few to exclude a loss over {gate.margin:g}"
    if found.left_out:
        labels = ", ".join(f"{row['label']} ({row['known_by']})" for row in found.unshared if row["support"])
        note += f"; {found.left_out} rows left out, with labels that not both know: {labels}"
    return note


def _parts(what: str, key: str, rows: list[dict[str, Any]], bound: float, least: int) -> Condition:
    looked_at = [row for row in rows if row["support"] >= least]
    fell = [row for row in looked_at if row["fell"]]
    chance = [row for row in looked_at if row["difference"] < -bound and not row["fell"]]
    worst = min((row["difference"] for row in looked_at), default=None)
    note = "; ".join(_part(row, key) for row in sorted(fell, key=lambda row: row["difference"])[:5])
    if not looked_at:
        note = f"none has {least} test rows"
    elif not fell and chance:
        note = f"could be chance: {'; '.join(_part(row, key) for row in chance[:3])}"
    return Condition(what, worst, f"none falls by more than {bound:g}", not fell, note)


def _part(row: dict[str, Any], key: str) -> str:
    name = f"{row['slice']} {row[key]}" if "slice" in row else row[key]
    return f"{name} {row['old']:.3f} to {row['new']:.3f} ({row['support']} rows, p {row['p_value']:.3f})"


def _reason(condition: Condition) -> str:
    value = f"{condition.value:.3f}" if isinstance(condition.value, float) else condition.value
    note = f" ({condition.note})" if condition.note else ""
    return f"{condition.name} is {value if value is not None else 'unknown'}, asked: {condition.bound}{note}"
