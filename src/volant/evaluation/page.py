"""The Markdown report: metrics with their baselines, weak slices, and the most confident errors."""

from collections.abc import Sequence

from volant.evaluation.report import Report
from volant.evaluation.slices import ENOUGH, Slice, Slices
from volant.kinds import Kind
from volant.kinds.answers import phrases
from volant.kinds.rates import lower_is_better
from volant.rendering.canvas import legend
from volant.rendering.markdown import cell, table

RARE = 10  # test rows of a label below which its own F1 is mostly chance


def markdown(report: Report) -> str:
    """Return the whole report as Markdown that links its plots."""
    sections = [
        _head(report),
        _labels(report),
        *(_analysis(name, rows) for name, rows in report.analysis.items() if rows),
        _calibration(report),
        *(_slices(slices, report.task.metric) for slices in report.slices),
        _worst(report),
    ]
    return "\n\n".join(sections) + "\n"


def score_rows(report: Report) -> list[tuple[str, float, str, float | None, float | None]]:
    """Return name, value, interval, majority and chance of every metric."""
    rows = []
    for name, value in report.scores.items():
        ends = report.intervals.get(name)
        majority, chance = (report.baselines[b].get(name) for b in ("majority", "chance"))
        rows.append((name, value, _between(ends), majority, chance))
    return rows


def _head(report: Report) -> str:
    task = report.task
    rows = report.predictions.num_rows
    lower = " (lower is better)" if lower_is_better(task.metric) else ""
    units = f" of the {report.groups} groups of `{task.group}`, as another test set has others" if report.groups else ""
    return "\n\n".join(
        [
            "# Evaluation",
            f"{rows} test rows that training never saw, {len(task.labels)} labels. The metric is "
            f"`{task.metric}`{lower}: **{report.scores[task.metric]:.3f}**, {report.lift:.0%} of the way from "
            "chance to perfect.",
            *_gaps(report),
            table(["metric", "value", "95 % interval", "majority", "chance"], score_rows(report)),
            f"Intervals: bootstrap, {task.samples} samples{units}, corrected for few rows.{_narrow(report)} "
            f"{_baselines(task.kind)}",
            "![Confusion](plots/confusion.png)",
            *filter(None, [legend(task.labels)]),
        ]
    )


def _baselines(kind: Kind) -> str:
    if kind.head != "text":
        return "*majority* and *chance* predict no part of a text: one at a random place is right once in thousands."
    return (
        "*majority* always predicts the most frequent label of train; *chance* guesses each label as often as it "
        "occurs in train."
    )


def _narrow(report: Report) -> str:
    """Return a note if even the corrected intervals are too narrow, else an empty text."""
    rare = sum(1 for row in report.labels if row["support"] < RARE)
    if 2 * rare <= len(report.labels) or len(report.labels) < 3:
        return ""
    few = f" {rare} of {len(report.labels)} labels have fewer than {RARE} test rows"
    return f"{few}: the intervals of macro averages are still too narrow."


def _gaps(report: Report) -> list[str]:
    """Return a sentence for the rows, and one for the labels, that the metrics do not cover."""
    absent = [row["label"] for row in report.labels if not row["support"]]
    sentences = []
    if report.left_out:
        sentences.append(
            f"**{report.left_out} test rows were excluded from evaluation**: training never saw their labels."
        )
    if absent:
        area = "" if "roc_auc" in report.scores else ", and `roc_auc`, which needs rows of each label, is not available"
        sentences.append(f"No test row has {', '.join(map(cell, absent))}: no metric covers them{area}.")
    return sentences


def _labels(report: Report) -> str:
    head = list(report.labels[0])
    rows = [list(row.values()) for row in sorted(report.labels, key=lambda row: -(row["f1"] or 0))]
    plots = "![Per class](plots/per_class.png)\n\n![ROC and precision-recall](plots/curves.png)"
    return f"## Per label\n\n{table(head, rows)}\n\n{plots}"


def _analysis(name: str, rows: Sequence[dict]) -> str:
    heading = name.replace("_", " ").capitalize()
    return f"## {heading}\n\n{table(list(rows[0]), [list(row.values()) for row in rows])}"


def _calibration(report: Report) -> str:
    fitted = report.task.calibration
    whole = report.task.kind.head == "text"
    lines = f", and a slope and an offset for {'each label' if whole else 'the scores of parts'}"
    lines = lines if fitted.slopes else ""
    values = report.calibration
    cells = (
        f" Over every label of every row it is {values['ece_cells']:.3f}: most of these are near 0 and correct."
        if "ece_cells" in values
        else ""
    )
    claims = "labels that were predicted or have a probability of at least 0.2" if cells else "predictions"
    return (
        "## Calibration\n\n"
        f"Expected calibration error of the {claims}: **{report.after.error:.3f}**; {report.before.error:.3f} before "
        f"scaling by temperature {fitted.temperature:g}{lines}, fitted on validation. A perfectly calibrated "
        f"model would have {values['ece_perfect']:.3f} on as many.{cells}\n\n"
        f"Log loss {values['log_loss']:.3f}, Brier score {values['brier']:.3f}: lower is better.\n\n"
        "![Calibration](plots/calibration.png)"
    )


def _slices(slices: Slices, metric: str) -> str:
    shares = [name for name in ("accuracy", "subset_accuracy") if name in slices.listed[0].scores and name != metric]
    rows = [_slice(part, metric, shares) for part in slices.listed]
    notes = _notes(slices, metric)
    head = ["value", "rows", metric, "95 % interval", *shares]
    return f"## By {cell(slices.column)}\n\n" + (" ".join(notes) + "\n\n" if notes else "") + table(head, rows)


def _slice(part: Slice, metric: str, shares: Sequence[str]) -> list[object]:
    others = [part.scores.get(name) for name in shares]
    return [part.value, part.rows, part.scores.get(metric), _between(part.interval), *others]


def _notes(slices: Slices, metric: str) -> list[str]:
    """Return sentences on the choice of the slices, their spread, and those that are significantly worse."""
    notes = []
    if slices.values > len(slices.listed):
        notes.append(
            f"{slices.values} values: the 10 largest, then the 10 with at least {ENOUGH} rows whose low score is least "
            "likely by chance."
        )
    if slices.values > len(slices.listed) and slices.spread:
        ends = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in slices.spread.items())
        notes.append(f"`{metric}` over all with at least {ENOUGH} rows: {ends}.")
    if slices.values > 1:
        worse = ", ".join(cell(value) for value in slices.worse)
        notes.append(
            f"Significantly worse (binomial test of the correct rows, Bonferroni): {worse}."
            if slices.worse
            else "None is significantly worse: the lowest of many equal slices is low by chance."
        )
    return notes


def _between(ends: tuple[float, float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else "–"


def _worst(report: Report) -> str:
    if not report.worst:
        return "## Worst errors\n\nNone listed."
    kind = report.task.kind
    rows = [[row["score"], *_words(kind, row), row["text"], row["id"]] for row in report.worst]
    head = ["confidence", "gold", "predicted", "text", "id"]
    return (
        "## Worst errors\n\nThe most confident errors. Some will be mistakes in the gold labels: check them before you "
        f"look for a better model.\n\n{table(head, rows, left=5)}"
    )


def _words(kind: Kind, row: dict) -> list[list[str]]:
    """Return the gold and the predicted annotation of a row in words."""
    return [phrases(kind.read(row[side]), row["text"]) for side in ("gold", "predicted")]
