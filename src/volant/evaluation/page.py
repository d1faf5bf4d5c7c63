"""The Markdown report: metrics with their baselines, weak slices, and the most confident errors."""

from volant.evaluation.report import Report
from volant.evaluation.slices import ENOUGH, Slices
from volant.kinds.rates import lower_is_better
from volant.rendering.canvas import legend
from volant.rendering.markdown import cell, table

RARE = 10  # test rows of a label below which its own F1 is mostly chance


def markdown(report: Report) -> str:
    """Return the whole report as Markdown that links its plots."""
    sections = [
        _head(report),
        _labels(report),
        _calibration(report),
        *(_slices(cut, report.task.metric) for cut in report.slices),
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
    less = " (less is better)" if lower_is_better(task.metric) else ""
    drawn = f" of the {report.groups} groups of `{task.group}`, as another test set has others" if report.groups else ""
    return "\n\n".join(
        [
            "# Evaluation",
            f"{rows} test rows that training never saw, {len(task.labels)} labels. The metric is "
            f"`{task.metric}`{less}: **{report.scores[task.metric]:.3f}**, {report.lift:.0%} of the way from "
            "chance to perfect.",
            *_gaps(report),
            table(["metric", "value", "95 % interval", "majority", "chance"], score_rows(report)),
            f"Intervals: bootstrap, {task.samples} samples{drawn}, corrected where rows are few.{_narrow(report)} "
            "*majority* always gives train's most frequent answer; *chance* guesses each label as often as train holds "
            "it.",
            "![Confusion](plots/confusion.png)",
            *filter(None, [legend(task.labels)]),
        ]
    )


def _narrow(report: Report) -> str:
    """Return a note if even the corrected intervals are too narrow, else an empty text."""
    rare = sum(1 for row in report.labels if row["support"] < RARE)
    if 2 * rare <= len(report.labels) or len(report.labels) < 3:
        return ""
    few = f" {rare} of {len(report.labels)} labels have fewer than {RARE} test rows"
    return f"{few}: the intervals of macro averages are still too narrow."


def _gaps(report: Report) -> list[str]:
    """Return one sentence for each gap in what the metrics cover."""
    absent = [row["label"] for row in report.labels if not row["support"]]
    said = []
    if report.left_out:
        said.append(f"**{report.left_out} more test rows were not judged**: training never saw their labels.")
    if absent:
        area = "" if "roc_auc" in report.scores else ", and `roc_auc`, which needs rows of each, is left out"
        said.append(f"No test row has {', '.join(map(cell, absent))}: no figure speaks of them{area}.")
    return said


def _labels(report: Report) -> str:
    head = list(report.labels[0])
    rows = [list(row.values()) for row in sorted(report.labels, key=lambda row: -(row["f1"] or 0))]
    pictures = "![Per class](plots/per_class.png)\n\n![ROC and precision-recall](plots/curves.png)"
    return f"## Per label\n\n{table(head, rows)}\n\n{pictures}"


def _calibration(report: Report) -> str:
    fitted = report.task.calibration
    lines = ", and a slope and an offset for each label" if fitted.slopes else ""
    values = report.calibration
    cells = (
        f" Over every label of every row it is {values['ece_cells']:.3f}: most of these are near 0 and right."
        if "ece_cells" in values
        else ""
    )
    of = "labels answered or at least 0.2 likely" if cells else "answers"
    return (
        "## Calibration\n\n"
        f"Expected calibration error of the {of}: **{report.after.error:.3f}**; {report.before.error:.3f} before "
        f"scaling by temperature {fitted.temperature:g}{lines}, fitted on validation. A perfectly calibrated "
        f"model would show {values['ece_perfect']:.3f} on as many.{cells}\n\n"
        f"Log loss {values['log_loss']:.3f}, Brier score {values['brier']:.3f}: lower is better.\n\n"
        "![Calibration](plots/calibration.png)"
    )


def _slices(cut: Slices, metric: str) -> str:
    names = list(dict.fromkeys([metric, *(n for n in ("accuracy", "subset_accuracy") if n in cut.listed[0].scores)]))
    rows = [[s.value, s.rows, s.scores.get(metric), _between(s.interval), *(s.scores.get(n) for n in names[1:])]
            for s in cut.listed]  # fmt: skip
    notes = []
    if cut.values > len(cut.listed):
        notes.append(
            f"{cut.values} values: the 10 largest, then the 10 of {ENOUGH} rows or more whose low score chance "
            "explains least."
        )
    if cut.values > len(cut.listed) and cut.spread:
        ends = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in cut.spread.items())
        notes.append(f"`{metric}` over all with {ENOUGH} rows or more: {ends}.")
    if cut.values > 1:
        worse = ", ".join(cell(value) for value in cut.worse)
        notes.append(
            f"Worse than chance explains (binomial test of the rows that are right, Bonferroni): {worse}."
            if cut.worse
            else "None is worse than chance explains: the lowest of many equal slices is low by luck."
        )
    head = ["value", "rows", metric, "95 % interval", *names[1:]]
    return f"## By {cell(cut.column)}\n\n" + (" ".join(notes) + "\n\n" if notes else "") + table(head, rows)


def _between(ends: tuple[float, float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else "–"


def _worst(report: Report) -> str:
    if not report.worst:
        return "## Worst errors\n\nNone listed."
    rows = [[row["score"], row["gold"], row["predicted"], row["text"], row["id"]] for row in report.worst]
    head = ["sure", "gold", "predicted", "text", "id"]
    return (
        "## Worst errors\n\nThe answers that were surest and wrong. Some will be mistakes of the gold: "
        f"worth a look before a better model is sought.\n\n{table(head, rows, left=5)}"
    )
