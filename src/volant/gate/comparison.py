"""Whether a new bundle is better, not worse, or worse than the active one, on the same test rows.

`better`: the paired bootstrap interval of the difference lies above 0.
`worse`: the new one loses more than the margin by the best estimate.
`not_worse`: neither. `shown` says whether the interval excludes a loss over the margin too, which is what a
non-inferiority test asks (Piaggio et al. 2012, https://doi.org/10.1001/jama.2012.87802); on a few hundred test rows it
rarely does, and a flywheel that waits for it would stand still. Who wants proof sets `require: better`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from volant.config import Gate
from volant.errors import VolantError
from volant.evaluation.bootstrap import units_of
from volant.evaluation.report import LOSSES
from volant.gate.paired import Side, interval, mcnemar, metric_value, redraw, two_sided
from volant.gate.parts import Parts, label_parts, slice_parts
from volant.kinds import Kind
from volant.kinds.calibration import score_matrix
from volant.kinds.rates import by_label, tally
from volant.schema import Annotation

ROUNDING = 1e-9  # 0.80 - 0.79 is not quite 0.01: a loss of just the margin is none


@dataclass(frozen=True)
class Answers:
    """What a bundle that knows `labels` says of each test row."""

    labels: tuple[str, ...]
    predicted: Sequence[Annotation]


@dataclass(frozen=True)
class Comparison:
    """A new bundle against the active one, on the rows whose labels both know.

    Attributes:
        rows: Rows that were compared.
        left_out: Rows with a label that one of the two doesn't know.
        metric: The flywheel's metric.
        new: Its value for the new bundle; `new_interval` is the bootstrap interval.
        old: Its value for the active one.
        difference: How much better the new one is; for a loss, how much lower.
        interval: Paired bootstrap interval of the difference, of the gate's confidence.
        p_value: Of "there is no difference", by the bootstrap.
        mcnemar: Exact McNemar p-value (classify; it knows of no groups).
        verdict: `better`, `not_worse` or `worse`, as the module says.
        shown: Whether the interval excludes a loss over the margin.
        labels: F1 of each shared label: label, support, new, old, difference, p_value, fell.
        slices: The metric on each slice: slice, value, support, new, old, difference, p_value, fell.
        unshared: Labels that not both know: label, known_by, support, f1 of the one that knows it.
    """

    rows: int
    left_out: int
    metric: str
    new: float
    old: float
    new_interval: tuple[float, float]
    old_interval: tuple[float, float]
    difference: float
    interval: tuple[float, float]
    p_value: float
    mcnemar: float | None
    verdict: Literal["better", "not_worse", "worse"]
    shown: bool
    labels: Parts = field(default_factory=list)
    slices: Parts = field(default_factory=list)
    unshared: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return asdict(self)


def compare(  # noqa: PLR0913, PLR0917  (two sides, the rows, and how they are judged)
    kind: Kind,
    metric: str,
    test: pa.Table,
    new: Answers,
    old: Answers,
    slices: Sequence[str],
    gate: Gate,
    seed: int,
    samples: int,
    group: str | None = None,
) -> Comparison:
    """Compare two bundles on the rows that both can answer; a label of one alone is judged apart, in `unshared`.

    Args:
        kind: The kind of prediction.
        metric: The flywheel's metric.
        test: Test rows with their gold.
        new: What the new bundle says of them.
        old: What the active one says.
        slices: Columns to look at one value at a time; those that the rows lack are passed over.
        gate: Margin, confidence and bounds.
        seed: Of the bootstrap.
        samples: How many times the rows are drawn again.
        group: Column whose equal values are drawn as a whole.

    Raises:
        VolantError: If there is nothing to compare: no rows that both can answer, or the metric is undefined on them.
    """
    gold = kind.gold(test)
    if not len(gold) == len(new.predicted) == len(old.predicted):
        counts = f"{len(gold)} rows, {len(new.predicted)} new answers, {len(old.predicted)} of the active version"
        raise VolantError(f"There are {counts}. Let both answer the same rows.")
    shared = tuple(label for label in new.labels if label in set(old.labels))
    rows = _answerable(kind, gold, shared)
    if not len(rows):
        raise VolantError(
            f"None of the {len(gold)} test rows has labels that both versions know "
            f"(new: {', '.join(new.labels)}; active: {', '.join(old.labels)}). Add test rows of shared labels."
        )
    units = units_of(test.take(rows), group)
    sides = [replace(_side(kind, [gold[k] for k in rows], a, rows, shared), units=units) for a in (new, old)]
    value, sign = metric_value(metric), -1 if metric in LOSSES else 1
    now, before = (float(value(side, None)[0]) for side in sides)
    if np.isnan([now, before]).any():
        raise VolantError(f"'{metric}' is undefined on the {len(rows)} rows that both can answer: some label has none.")
    drawn = redraw(value, sides[0], sides[1], samples, seed)
    differences = sign * (drawn[0] - drawn[1])
    ends, estimate = interval(differences, gate.confidence), sign * (now - before)
    kept = test.take(rows)
    columns = [name for name in slices if name in test.column_names]
    return Comparison(
        rows=len(rows),
        left_out=len(gold) - len(rows),
        metric=metric,
        new=now,
        old=before,
        new_interval=interval(drawn[0], gate.confidence),
        old_interval=interval(drawn[1], gate.confidence),
        difference=estimate,
        interval=ends,
        p_value=two_sided(differences),
        mcnemar=mcnemar(*(side.tallies.exact for side in sides)) if kind.name == "classify" and not group else None,
        verdict=_verdict(estimate, ends[0], gate.margin),
        shown=ends[0] >= -gate.margin - ROUNDING,
        labels=label_parts(shared, sides[0], sides[1], gate, (samples, seed)),
        slices=slice_parts(kept, columns, (metric, value, sign), sides[0], sides[1], gate, (samples, seed)),
        unshared=_unshared(kind, gold, new, old),
    )


def _verdict(estimate: float, low: float, margin: float) -> Literal["better", "not_worse", "worse"]:
    if low > 0:
        return "better"
    return "worse" if estimate < -margin - ROUNDING else "not_worse"


def _held(gold: Annotation) -> tuple[str | None, ...]:
    return (gold.label,) if gold.label is not None else gold.labels


def _answerable(kind: Kind, gold: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray:
    """Positions of the rows whose gold is made of these labels alone; a row without any counts for several labels."""
    known = set(labels)
    fits = [known.issuperset(_held(a)) and (kind.name != "classify" or a.label is not None) for a in gold]
    return np.flatnonzero(np.array(fits, dtype=bool)) if known else np.empty(0, dtype=int)


def _side(kind: Kind, gold: Sequence[Annotation], answers: Answers, rows: np.ndarray, labels: Sequence[str]) -> Side:
    """Answers scored on the shared labels: another label in the stead of the gold is a miss, but no label of its own.

    Else one wrong answer would add a label with an F1 of 0 to the macro average of the side that knows more.
    """
    said = [answers.predicted[k] for k in rows]
    whole = kind.tally(gold, said, answers.labels)
    columns = [answers.labels.index(label) for label in labels]
    tallies = tally(whole.gold[:, columns] > 0, whole.predicted[:, columns] > 0)
    return Side(tallies, score_matrix(said, labels))


def _unshared(kind: Kind, gold: Sequence[Annotation], new: Answers, old: Answers) -> list[dict[str, Any]]:
    """Every label that not both know, and how well the one that knows it tells it on all rows that it can answer."""
    support = kind.count(gold)
    one = {"new": set(new.labels) - set(old.labels), "old": set(old.labels) - set(new.labels)}
    neither = set(support) - set(new.labels) - set(old.labels)
    found = [{"label": label, "known_by": "neither", "support": support[label], "f1": None} for label in neither]
    for name, answers in (("new", new), ("old", old)):
        rows = _answerable(kind, gold, answers.labels) if one[name] else np.empty(0, dtype=int)
        f1 = np.full(len(answers.labels), np.nan)
        if len(rows):
            said = [answers.predicted[k] for k in rows]
            f1 = by_label(kind.tally([gold[k] for k in rows], said, answers.labels))["f1"][0]
        for label in one[name]:
            score = float(f1[answers.labels.index(label)]) if support[label] else None
            found.append({"label": label, "known_by": name, "support": support[label], "f1": score})
    return sorted(found, key=lambda row: row["label"])
