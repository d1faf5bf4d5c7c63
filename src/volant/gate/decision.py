"""Every condition of the gate with its value, its bound and its verdict; together they let a version pass or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from volant.config import Gate
from volant.evaluation.report import LOSSES
from volant.gate.comparison import Comparison, Pair
from volant.gate.evidence import ROUNDING, low_end, spent

MEGABYTE = 1_000_000
CHAMPION = "against the champion"


@dataclass(frozen=True)
class Condition:
    """One requirement.

    Attributes:
        name: What was looked at.
        value: What was found; None where it could not be.
        bound: What is accepted, in words.
        passed: Whether it was met.
        note: What a person should know of it.
        waits: Whether it could not be decided, so that a person has to; not passed then, and not failed.
    """

    name: str
    value: float | str | None
    bound: str
    passed: bool
    note: str = ""
    waits: bool = False


@dataclass(frozen=True)
class Past:
    """The best former champion on today's test rows, or one that can't answer, by its recorded score.

    Attributes:
        version: Its number.
        metric: The flywheel's metric.
        score: Its score.
        difference: How much better the new version is on the same rows; None where that is undefined.
        low: Lower end of the difference; None for a recorded score, whose answers are not kept.
        rows: Rows that were compared.
    """

    version: int
    metric: str
    score: float
    difference: float | None
    low: float | None = None
    rows: int | None = None

    @classmethod
    def recorded(cls, version: int, metric: str, score: float, new: float | None) -> "Past":
        """A champion's score as the gate recorded it on the same test rows, against the new version's."""
        sign = -1 if metric in LOSSES else 1
        return cls(version, metric, score, None if new is None else sign * (new - score))

    @classmethod
    def answering(cls, version: int, pair: Pair, confidence: float, look: int, draws: tuple[int, int]) -> "Past":
        """A champion that answered today's rows; `draws`: resamples and seed."""
        spread, rows = pair.spread(samples=draws[0], seed=draws[1]), len(pair.rows)
        low = float(low_end(pair.difference, spread, rows, pair.units, spent(look, confidence)))
        return cls(version, pair.metric, pair.before, pair.difference, low, rows)

    def holds(self, margin: float) -> bool:
        """Return whether a loss over the margin is excluded; of a recorded score, whether it was not measured."""
        at = self.difference if self.low is None else self.low
        return at is not None and at >= -margin - ROUNDING


@dataclass(frozen=True)
class Champions:
    """Whom a version is compared with, beside the comparison itself.

    Attributes:
        exists: Whether there is a champion.
        trouble: Why there is no comparison although there is one.
        recorded: The champion's recorded score on the same test rows, where it can't answer.
        best: The best former champion, where it is another one.
        labels: Labels that config lists; None if it lists none.
        notes: What else a person should know.
    """

    exists: bool = False
    trouble: str = ""
    recorded: Past | None = None
    best: Past | None = None
    labels: Sequence[str] | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Decision:
    """The verdict on a version, and why."""

    conditions: tuple[Condition, ...]

    @property
    def passed(self) -> bool:
        """Whether every condition was met."""
        return all(condition.passed for condition in self.conditions)

    @property
    def outcome(self) -> Literal["passed", "failed", "waits"]:
        """`waits`: nothing failed, but something could not be decided, and a person has to."""
        if any(not condition.passed and not condition.waits for condition in self.conditions):
            return "failed"
        return "passed" if self.passed else "waits"

    @property
    def reasons(self) -> list[str]:
        """A line for each condition that was not met."""
        return [_reason(condition) for condition in self.conditions if not condition.passed]

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
    """Hold what was measured against what config requires.

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
    scores, calibration = details.get("scores", {}), details.get("calibration", {})
    champions = champions or Champions(exists=comparison is not None)
    conditions = [_least(name, scores.get(name), bound) for name, bound in gate.min.items()]
    if comparison:
        conditions += _compared(gate, comparison, champions)
    else:
        conditions.append(_not_compared(gate, champions) if champions.exists else _first(details))
    if champions.best:
        conditions.append(_against_best(gate, champions.best, comparison))
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


def _first(details: Mapping[str, Any]) -> Condition:
    """A first version has no champion to beat, but must show that it learned anything."""
    metric = details.get("metric", "")
    score, ends = details.get("scores", {}).get(metric), details.get("intervals", {}).get(metric)
    kinds = details.get("baselines", {})
    baselines = [kinds[name][metric] for name in ("majority", "chance") if metric in kinds.get(name, {})]
    name = "against the baselines"
    if score is None or not ends or not baselines:
        return Condition(name, score, "better than majority and chance", False, "not measured")
    loss = metric in LOSSES
    bar = min(baselines) if loss else max(baselines)
    passed = ends[1] < bar if loss else ends[0] > bar
    note = f"{metric} {score:.4f} ({ends[0]:.4f} to {ends[1]:.4f}); the better of majority and chance has {bar:.4f}"
    if not passed:
        note += "; add rows, or approve it as a person"
    side = "below" if loss else "above"
    return Condition(name, float(score), f"interval {side} {bar:.4f}", bool(passed), note)


def _not_compared(gate: Gate, champions: Champions) -> Condition:
    """By the recorded score of a champion that can't answer, else by a person."""
    past = champions.recorded
    if past is None or gate.require == "better":
        note = f"not compared: {champions.trouble}; a person has to decide"
        return Condition(CHAMPION, None, _required(gate), False, note, waits=True)
    note = (
        f"{champions.trouble}; its recorded {past.metric} on the same test rows is {past.score:.4f}, "
        "compared without an interval"
    )
    return Condition(CHAMPION, past.difference, _required(gate), past.holds(gate.margin), note)


def _against_best(gate: Gate, best: Past, found: Comparison | None) -> Condition:
    better = found is not None and found.verdict == "better"
    note = f"version {best.version} has {best.metric} {best.score:.4f}"
    if best.low is None:
        note += " on the same test rows (recorded)"
    else:
        note += f" on {best.rows:,} rows; lower end {best.low:+.4f}"
    if better:
        note += "; shown to be better than the champion, which suffices"
    return Condition(
        "against the best former champion", best.difference, _within(gate), better or best.holds(gate.margin), note
    )


def _compared(gate: Gate, found: Comparison, champions: Champions) -> list[Condition]:
    passed = found.verdict == "better" or (found.verdict == "not_worse" and gate.require == "not_worse")
    words = found.verdict.replace("_", " ")
    note = "; ".join([_figures(gate, found), *champions.notes])
    conditions = [Condition(CHAMPION, words, _required(gate), passed, note)]
    if lost := _lost(gate, found, champions.labels):
        conditions.append(lost)
    for what, key, rows, bound in (
        ("F1 by label", "label", found.labels, gate.max_label_drop),
        (f"{found.metric} by slice", "value", found.slices, gate.max_slice_drop),
    ):
        if bound is not None:
            conditions.append(_parts(what, key, rows, bound, gate.min_support))
    return conditions


def _lost(gate: Gate, found: Comparison, listed: Sequence[str] | None) -> Condition | None:
    """Labels that the champion knows and the new version doesn't: their F1 falls to 0, unless config removed them."""
    rows = [row for row in found.unshared if row["known_by"] == "old" and row["support"] >= gate.min_support]
    if not rows:
        return None
    removed = [row["label"] for row in rows if listed is not None and row["label"] not in listed]
    lost = [row for row in rows if row["label"] not in removed]
    told = [f"{row['label']} (F1 {row['f1']:.3f} to 0, {row['support']} rows)" for row in lost]
    note = f"lost: {', '.join(told)}; to remove them, list the others in `labels`" if lost else ""
    if removed:
        note = "; ".join([*([note] if note else []), f"removed by `labels`: {', '.join(removed)}"])
    return Condition("labels", float(len(lost)), "none is lost", not lost, note)


def _required(gate: Gate) -> str:
    return "better" if gate.require == "better" else _within(gate)


def _within(gate: Gate) -> str:
    return f"a loss over {gate.margin:g} excluded"


def _figures(gate: Gate, found: Comparison) -> str:
    low, high = found.interval
    tests = f"p {found.p_value:.3f}" + (f", McNemar p {found.mcnemar:.3f}" if found.mcnemar is not None else "")
    note = (
        f"{found.metric} {found.new:.4f} against {found.old:.4f} on {found.rows:,} rows: "
        f"{found.difference:+.4f} ({low:+.4f} to {high:+.4f}, {tests}); comparison {found.look}: lower end "
        f"{found.low:+.4f}"
    )
    if found.verdict == "unclear":
        note += f"; these rows are too few to exclude a loss over {gate.margin:g}"
    if found.learned:
        note += f"; {found.learned:,} test rows excluded, since one of the two learned from them"
    if found.left_out:
        labels = ", ".join(f"{row['label']} ({row['known_by']})" for row in found.unshared if row["support"])
        note += f"; {found.left_out:,} rows excluded, with labels not shared by both versions: {labels}"
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
    return f"{condition.name} is {value if value is not None else 'unknown'}, required: {condition.bound}{note}"
