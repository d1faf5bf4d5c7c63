"""The requirements that compare: with the baselines, the champion, the best former champion, by label and by slice."""

from collections.abc import Mapping, Sequence
from typing import Any

from volant.config import Gate
from volant.flywheel.gate.comparison import Comparison
from volant.flywheel.gate.condition import Condition
from volant.flywheel.gate.past import Champions, Past
from volant.kinds.rates import lower_is_better

CHAMPION = "against the champion"


def first(details: Mapping[str, Any]) -> Condition:
    """Require that a first version, which has no champion to beat, learned anything."""
    metric = details.get("metric", "")
    score = details.get("scores", {}).get(metric)
    ends = details.get("intervals", {}).get(metric)
    kinds = details.get("baselines", {})
    baselines = [kinds[name][metric] for name in ("majority", "chance") if metric in kinds.get(name, {})]
    name = "against the baselines"
    if score is None or not ends or not baselines:
        return Condition(name, score, "better than majority and chance", False, "not measured")
    loss = lower_is_better(metric)
    bar = min(baselines) if loss else max(baselines)
    passed = ends[1] < bar if loss else ends[0] > bar
    note = f"{metric} {score:.4f} ({ends[0]:.4f} to {ends[1]:.4f}); the better of majority and chance has {bar:.4f}"
    if not passed:
        note += "; add rows, or approve it manually"
    side = "below" if loss else "above"
    return Condition(name, float(score), f"interval {side} {bar:.4f}", bool(passed), note)


def not_compared(gate: Gate, champions: Champions) -> Condition:
    """Compare with the recorded score of a champion that can't predict, else leave it to a person."""
    past = champions.recorded
    if past is None or gate.require == "better":
        note = f"not compared: {champions.trouble}; a person has to decide"
        return Condition(CHAMPION, None, _required(gate), False, note, waits=True)
    note = (
        f"{champions.trouble}; its recorded {past.metric} on the same test rows is {past.score:.4f}, "
        "compared without an interval"
    )
    return Condition(CHAMPION, past.difference, _required(gate), past.holds(gate.margin), note)


def against_best(gate: Gate, best: Past, found: Comparison | None) -> Condition:
    """A former champion may be better than the one of today, within the margin; a chain of such steps must not be.

    Args:
        gate: Requirements of the gate.
        best: Best former champion.
        found: Comparison with the champion, if there is one.
    """
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


def compared(gate: Gate, found: Comparison, champions: Champions) -> list[Condition]:
    """Compare the whole, the labels and the slices with the champion.

    Args:
        gate: Requirements of the gate.
        found: Comparison with the champion.
        champions: Champions beside the comparison.
    """
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
