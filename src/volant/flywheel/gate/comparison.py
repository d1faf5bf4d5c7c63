"""A new bundle against the champion on the same test rows: better, not worse, unclear or worse.

`better`: the lower end of the difference lies above 0.
`not_worse`: it lies at or above `-margin`, so that a loss over the margin is excluded (non-inferiority).
`worse`: the new one loses more than the margin by the best estimate.
`unclear`: none of these; the rows are too few to tell. `evidence` says how the lower end is found, and why it falls
with the number of comparisons.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from volant.config import Gate
from volant.evaluation.paired import interval, mcnemar, redraw, two_sided
from volant.flywheel.gate import evidence
from volant.flywheel.gate.evidence import Verdict
from volant.flywheel.gate.pair import Answers, answerable, paired
from volant.flywheel.gate.parts import Parts, label_parts, slice_parts
from volant.kinds import Kind
from volant.kinds.rates import by_label
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Comparison:
    """A new bundle against the champion, on the rows of shared labels.

    Attributes:
        rows: Rows that were compared.
        left_out: Rows with a label that one of the two doesn't know.
        metric: The flywheel's metric.
        new: Its value for the new bundle; `new_interval` is the bootstrap interval.
        old: Its value for the champion.
        difference: How much better the new one is; for a loss, how much lower.
        interval: Paired bootstrap interval of the difference, of the gate's confidence.
        p_value: Of "there is no difference", by the bootstrap.
        mcnemar: Exact McNemar p-value, where a text has one label; it knows of no groups.
        verdict: `better`, `not_worse`, `unclear` or `worse`, as the module says.
        low: Lower end of the difference, of the confidence that this look may spend.
        spread: Standard error of the difference.
        look: Number of this comparison since a version was last shown to be better.
        power: How likely versions of known quality pass, the difference that is needed, and the rows that would help.
        learned: Test rows that were excluded since one of the two learned from them.
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
    verdict: Verdict
    low: float
    spread: float
    look: int
    power: dict[str, Any] = field(default_factory=dict)
    learned: int = 0
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
    look: int = 1,
) -> Comparison:
    """Compare two bundles on the rows that both can predict; labels of one alone are scored in `unshared`.

    A `VolantError` results if there is nothing to compare: no rows that both can answer, or the metric is
    undefined on them.

    Args:
        kind: The kind of prediction.
        metric: The flywheel's metric.
        test: Test rows with their gold.
        new: What the new bundle says of them.
        old: Predictions of the champion.
        slices: Columns to look at one value at a time; those that the rows lack are passed over.
        gate: Margin, confidence and bounds.
        seed: Of the bootstrap.
        samples: How many times the rows are drawn again.
        group: Column whose equal values are drawn as a whole.
        look: Number of this comparison since a version was last shown to be better.
    """
    pair = paired(kind, metric, test, new, old, group)
    drawn = redraw(pair.value, pair.new, pair.old, samples, seed)
    differences = pair.sign * (drawn[0] - drawn[1])
    spread = pair.spread(differences)
    alpha = evidence.spent(look, gate.confidence)
    rows = len(pair.rows)
    units = pair.units
    low = float(evidence.low_end(pair.difference, spread, rows, units, alpha))
    kept = test.take(pair.rows)
    columns = [name for name in slices if name in test.column_names]
    exact = (pair.new.tallies.exact, pair.old.tallies.exact)
    return Comparison(
        rows=rows,
        left_out=len(test) - rows,
        metric=metric,
        new=pair.now,
        old=pair.before,
        new_interval=interval(drawn[0], gate.confidence),
        old_interval=interval(drawn[1], gate.confidence),
        difference=pair.difference,
        interval=interval(differences, gate.confidence),
        p_value=two_sided(differences),
        mcnemar=mcnemar(*exact) if kind.exclusive and not group else None,
        verdict=evidence.verdict(pair.difference, low, gate.margin),
        low=low,
        spread=spread,
        look=look,
        power=evidence.describe(spread, rows, units, alpha, gate.margin),
        labels=label_parts(pair.labels, pair.new, pair.old, gate, (samples, seed)),
        slices=slice_parts(kept, columns, (metric, pair.value, pair.sign), pair.new, pair.old, gate, (samples, seed)),
        unshared=_unshared(kind, kind.gold(test), new, old),
    )


def _unshared(kind: Kind, gold: Sequence[Annotation], new: Answers, old: Answers) -> list[dict[str, Any]]:
    """Return each label of one version only, with its F1 by that version on all rows that it can predict."""
    support = kind.count(gold)
    one = {"new": set(new.labels) - set(old.labels), "old": set(old.labels) - set(new.labels)}
    neither = set(support) - set(new.labels) - set(old.labels)
    found = [{"label": label, "known_by": "neither", "support": support[label], "f1": None} for label in neither]
    for name, answers in (("new", new), ("old", old)):
        rows = answerable(kind, gold, answers.labels) if one[name] else np.empty(0, dtype=int)
        f1 = np.full(len(answers.labels), np.nan)
        if len(rows):
            said = [answers.predicted[k] for k in rows]
            f1 = by_label(kind.tally([gold[k] for k in rows], said, answers.labels))["f1"][0]
        for label in one[name]:
            score = float(f1[answers.labels.index(label)]) if support[label] else None
            found.append({"label": label, "known_by": name, "support": support[label], "f1": score})
    return sorted(found, key=lambda row: row["label"])
