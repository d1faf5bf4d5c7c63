"""The report as files, for `dvc metrics`, `dvc plots`, people and programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from volant.evaluation import plots
from volant.evaluation.page import markdown
from volant.evaluation.reliability import Reliability
from volant.evaluation.report import NOTHING, Report
from volant.evaluation.slices import Slices
from volant.rendering.canvas import save
from volant.workspace.files import write_table, write_text

# what one compares first, of whichever kind: all right, all labels alike, the ranking, labels by their frequency
COMPARED = ("accuracy", "subset_accuracy", "macro_f1", "roc_auc", "weighted_f1")
# How `dvc plots` shows the tables: file, template (of .dvc/plots, or DVC's own), columns of the axes, title.
TABLES = (
    ("confusion", "confusion_normalized", "predicted", "actual", "Confusion"),
    ("per_class", "bar_horizontal_sorted", "f1", "label", "F1 by label"),
    ("roc", "curves", "fpr", "tpr", "ROC"),
    ("pr", "curves", "recall", "precision", "Precision and recall"),
    ("calibration", "curves", "confidence", "accuracy", "Calibration"),
)
SCORES = 4  # metrics in metrics.json; with interval, lift, calibration and rows that makes ten figures


def write(report: Report, folder: Path) -> None:
    """Write every file of a report but `speed.json`; the same report gives the same bytes."""
    write_json(metrics(report), folder / "metrics.json")
    write_json(details(report), folder / "details.json")
    write_table(report.predictions, folder / "predictions.parquet")
    write_text(markdown(report), folder / "report.md")
    charts = folder / "plots"
    pairs = [{"actual": gold, "predicted": said} for gold, said in report.confusion]
    bins = _bins("before", report.before) + _bins("after", report.after)
    write_csv(pairs, ("actual", "predicted"), charts / "confusion.csv")
    write_csv(report.labels, tuple(report.labels[0]), charts / "per_class.csv")
    write_csv(report.roc, ("label", "fpr", "tpr"), charts / "roc.csv")
    write_csv(report.pr, ("label", "recall", "precision"), charts / "pr.csv")
    write_csv(bins, ("label", "confidence", "accuracy", "count"), charts / "calibration.csv")
    names = [*report.task.labels, *([NOTHING] if any(NOTHING in pair for pair in report.confusion) else [])]
    write_text(_shown(charts), folder / "dvc.yaml")
    save(plots.confusion(report.confusion, names), charts / "confusion.png")
    save(plots.per_class(report.labels), charts / "per_class.png")
    save(plots.calibration(report.before, report.after), charts / "calibration.png")
    save(plots.curves(report.roc, report.pr), charts / "curves.png")


def metrics(report: Report) -> dict[str, float]:
    """Return `metrics.json`: at most ten figures under flat, stable names, so that `dvc exp show` fits a screen.

    They are the rows, four metrics (the flywheel's own first) with the interval of the first, the lift over chance,
    and how far its probabilities can be trusted. `details.json` has all others.
    """
    main = report.task.metric
    kind = report.task.kind
    compared = [name for name in COMPARED if name in kind.metrics]
    names = list(dict.fromkeys([main, *compared, *kind.metrics]))[:SCORES]
    low_high = zip(("low", "high"), report.intervals.get(main, ()), strict=False)
    values = {
        "rows": report.predictions.num_rows,
        **{name: report.scores[name] for name in names if name in report.scores},
        **{f"{main}_{end}": value for end, value in low_high},
        "lift": report.lift,
        "ece": report.after.error,
        **{name: report.calibration[name] for name in ("log_loss",) if name in report.calibration},
    }
    return _rounded(values)


def details(report: Report) -> dict:
    """`details.json`: everything but the rows."""
    return {
        "kind": report.task.kind.name,
        "rows": report.predictions.num_rows,
        "rows_left_out": report.left_out,
        "metric": report.task.metric,
        "scores": _rounded(report.scores, 6),
        "intervals": {name: [round(end, 6) for end in ends] for name, ends in report.intervals.items()},
        "baselines": {name: _rounded(scores, 6) for name, scores in report.baselines.items()},
        "calibration": {
            "temperature": report.task.calibration.temperature,
            "thresholds": dict(zip(report.task.labels, report.task.calibration.thresholds, strict=False)),
            "ece_before": round(report.before.error, 6),
            "ece": round(report.after.error, 6),
            **_rounded(report.calibration, 6),
        },
        "labels": [_rounded(row, 6) for row in report.labels],
        "slices": {cut.column: _slices(cut) for cut in report.slices},
        "worst": [_rounded(row, 6) for row in report.worst],
    }


def write_json(values: dict, path: Path) -> None:
    """Write JSON that a person can read and `git diff` can compare."""
    write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", path)


def write_csv(rows: Iterable[dict], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV, floats to 6 places; no rows give a header alone."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rounded(row, 6) for row in rows)
    write_text(buffer.getvalue(), path)


def _shown(charts: Path) -> str:
    """Return the report's own `dvc.yaml`: the pipeline has all plots as one folder, so that a kind may lack some."""
    shown = [
        {f"{charts.name}/{name}.csv": {"template": template, "x": x, "y": y, "title": title}}
        for name, template, x, y, title in TABLES
        if (charts / f"{name}.csv").exists()
    ]
    return yaml.safe_dump({"plots": shown}, sort_keys=False)


def _rounded(values: dict, places: int = 4) -> dict:
    return {k: round(v, places) if isinstance(v, float) else v for k, v in values.items()}


def _bins(which: str, found: Reliability) -> list[dict]:
    columns = zip(found.confidence.tolist(), found.accuracy.tolist(), found.count.tolist(), strict=True)
    return [{"label": which, "confidence": c, "accuracy": a, "count": n} for c, a, n in columns]


def _slices(cut: Slices) -> dict:
    listed = [
        {"value": s.value, "rows": s.rows, **_rounded(s.scores, 6)}
        | ({"interval": [round(end, 6) for end in s.interval]} if s.interval else {})
        for s in cut.listed
    ]
    return {"values": cut.values, "spread": _rounded(cut.spread, 6), "worse": cut.worse, "listed": listed}
