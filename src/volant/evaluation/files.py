"""The report as files: for `dvc metrics`, `dvc plots`, readers and programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from volant.evaluation import plots
from volant.evaluation.page import markdown
from volant.evaluation.reliability import Reliability
from volant.evaluation.report import Report
from volant.evaluation.slices import Slice, Slices
from volant.kinds.record import NOTHING
from volant.rendering.canvas import save
from volant.workspace.files import write_table, write_text

# metrics that users compare first, over all kinds
COMPARED = ("accuracy", "subset_accuracy", "macro_f1", "roc_auc", "weighted_f1")
# How `dvc plots` shows the tables: file, template (of .dvc/plots, or DVC's own), columns of the axes, title.
TABLES = (
    ("confusion", "confusion_normalized", "predicted", "actual", "Confusion"),
    ("per_class", "bar_horizontal_sorted", "f1", "label", "F1 by label"),
    ("roc", "curves", "fpr", "tpr", "ROC"),
    ("pr", "curves", "recall", "precision", "Precision and recall"),
    ("calibration", "curves", "confidence", "accuracy", "Calibration"),
)
SCORES = 4  # metrics in metrics.json: ten figures with interval, lift, calibration and rows


def write(report: Report, folder: Path) -> None:
    """Write every file of a report but `speed.json`; the same report gives the same bytes."""
    write_json(metrics(report), folder / "metrics.json")
    write_json(details(report), folder / "details.json")
    write_table(report.predictions, folder / "predictions.parquet")
    write_text(markdown(report), folder / "report.md")
    charts = folder / "plots"
    pairs = [{"actual": gold, "predicted": predicted} for gold, predicted in report.confusion]
    bins = _bins("before", report.before) + _bins("after", report.after)
    write_csv(pairs, ("actual", "predicted"), charts / "confusion.csv")
    write_csv(report.labels, tuple(report.labels[0]), charts / "per_class.csv")
    write_csv(report.roc, ("label", "fpr", "tpr"), charts / "roc.csv")
    write_csv(report.pr, ("label", "recall", "precision"), charts / "pr.csv")
    write_csv(bins, ("label", "confidence", "accuracy", "count"), charts / "calibration.csv")
    write_text(_shown(charts), folder / "dvc.yaml")
    save(plots.confusion(report.confusion, _confusion_names(report)), charts / "confusion.png")
    save(plots.per_class(report.labels), charts / "per_class.png")
    save(plots.calibration(report.before, report.after), charts / "calibration.png")
    save(plots.curves(report.roc, report.pr), charts / "curves.png")


def metrics(report: Report) -> dict[str, float]:
    """Return `metrics.json`: at most ten figures under flat, stable names, so that `dvc exp show` fits a screen.

    They are the number of rows, four metrics (the flywheel's own first) with the interval of the first, the lift over
    chance, the calibration error and the log loss. `details.json` has all others.
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
    """Return `details.json`: the whole report except the rows."""
    intervals = {name: _rounded_ends(ends) for name, ends in report.intervals.items()}
    return {
        "kind": report.task.kind.name,
        "rows": report.predictions.num_rows,
        "rows_left_out": report.left_out,
        "metric": report.task.metric,
        "scores": _rounded(report.scores, 6),
        "intervals": intervals,
        "baselines": {name: _rounded(scores, 6) for name, scores in report.baselines.items()},
        "calibration": {
            "temperature": report.task.calibration.temperature,
            "thresholds": dict(zip(report.task.labels, report.task.calibration.thresholds, strict=False)),
            "ece_before": round(report.before.error, 6),
            "ece": round(report.after.error, 6),
            **_rounded(report.calibration, 6),
        },
        "labels": _rounded_rows(report.labels),
        "analysis": {name: _rounded_rows(rows) for name, rows in report.analysis.items()},
        "slices": {slices.column: _slices(slices) for slices in report.slices},
        "worst": _rounded_rows(report.worst),
    }


def write_json(values: dict, path: Path) -> None:
    """Write JSON that a person can read and `git diff` can compare."""
    write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", path)


def write_csv(rows: Iterable[dict], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV, floats to 6 decimals; without rows, the file has a header row only.

    Args:
        rows: The rows, each with every column.
        columns: Names of the columns, in order.
        path: The file.
    """
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


def _rounded_rows(rows: Sequence[dict]) -> list[dict]:
    return [_rounded(row, 6) for row in rows]


def _rounded_ends(ends: tuple[float, float]) -> list[float]:
    return [round(end, 6) for end in ends]


def _confusion_names(report: Report) -> list[str]:
    """Return the labels, and `NOTHING` if a label was missed without a wrong one, or predicted without a missed one."""
    nothing = any(NOTHING in pair for pair in report.confusion)
    return [*report.task.labels, NOTHING] if nothing else list(report.task.labels)


def _bins(name: str, curve: Reliability) -> list[dict]:
    columns = zip(curve.confidence.tolist(), curve.accuracy.tolist(), curve.count.tolist(), strict=True)
    return [{"label": name, "confidence": c, "accuracy": a, "count": n} for c, a, n in columns]


def _slices(slices: Slices) -> dict:
    listed = [_slice(part) for part in slices.listed]
    return {"values": slices.values, "spread": _rounded(slices.spread, 6), "worse": slices.worse, "listed": listed}


def _slice(part: Slice) -> dict:
    row = {"value": part.value, "rows": part.rows, **_rounded(part.scores, 6)}
    return row | {"interval": _rounded_ends(part.interval)} if part.interval else row
