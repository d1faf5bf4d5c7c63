"""Stage `evaluate`: the bundle is judged on test rows, through the same door as in service.

Run as `python -m volant.stages.evaluate FLYWHEEL`. Reads models/FLYWHEEL and data/FLYWHEEL, writes
reports/FLYWHEEL. Test rows choose nothing.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from volant import config
from volant.errors import VolantError
from volant.evaluation import Report, Task, evaluate
from volant.evaluation.files import write, write_json
from volant.evaluation.markdown import score_rows
from volant.evaluation.speed import folder_size, latencies, speed_metrics, timed
from volant.schema import read_table
from volant.stages import run_stage

if TYPE_CHECKING:
    from volant.bundle import Bundle


def run(name: str, flywheel: config.Flywheel, root: Path = Path()) -> tuple[Report, dict[str, float]]:
    """Evaluate the bundle of a flywheel, write its reports, and return them.

    Args:
        name: The flywheel's name.
        flywheel: Its config.
        root: Folder that holds `data`, `models` and `reports`.
    """
    from volant.bundle import Bundle

    data, reports = root / "data" / name, root / "reports" / name
    test = served_rows(read_table(data / "prepared/test.parquet"), read_table(data / "clean/test.parquet"))
    bundle, loading = timed(lambda: Bundle.load(root / "models" / name))
    texts = test.column("text").to_pylist()
    predicted, predicting = timed(lambda: bundle.predict(texts))
    train_gold = bundle.kind.gold(read_table(data / "clean/train.parquet", [bundle.kind.column]))
    report = evaluate(task(flywheel, bundle), train_gold, test, predicted)
    took = latencies(bundle.predict, texts)
    speed = speed_metrics(folder_size(bundle.folder), loading, took, len(texts) / predicting)
    write(report, reports)
    write_json(speed, reports / "speed.json")
    return report, speed


def served_rows(prepared: pa.Table, clean: pa.Table) -> pa.Table:
    """The rows that cleaning kept, with the text as it came: the bundle cleans it itself, as in service.

    Raises:
        VolantError: If a clean row was never prepared.
    """
    places = {key: row for row, key in enumerate(prepared.column("id").to_pylist())}
    wanted = clean.column("id").to_pylist()
    if lost := [key for key in wanted if key not in places]:
        raise VolantError(
            f"{len(lost)} of the clean test rows are not among the prepared ones, such as id '{lost[0]}'. "
            "One of the two is of another run: make both again with `dvc repro`."
        )
    kept = prepared.take([places[key] for key in wanted])
    return clean.set_column(clean.column_names.index("text"), "text", kept.column("text"))


def task(flywheel: config.Flywheel, bundle: "Bundle") -> Task:
    """What the evaluation needs to know of config and bundle."""
    asked = flywheel.evaluation
    return Task(
        kind=bundle.kind,
        labels=tuple(bundle.labels),
        metric=flywheel.metric,
        calibration=bundle.calibration,
        slices=tuple(asked.slices),
        samples=asked.bootstrap_samples,
        worst=asked.worst_errors,
        seed=flywheel.seed,
    )


def show(name: str, report: Report, speed: dict[str, float], console: Console) -> None:
    """Print the metrics beside their baselines, and what the bundle costs."""
    rows = Table(title=f"{name}: {report.predictions.num_rows} test rows", title_justify="left")
    rows.add_column("metric")
    for column in ("value", "95 % interval", "majority", "chance"):
        rows.add_column(column, justify="right")
    for metric, value, interval, majority, chance in score_rows(report):
        cells = ["–" if v is None else f"{v:.3f}" for v in (majority, chance)]
        style = "bold" if metric == report.task.metric else None
        rows.add_row(metric, f"{value:.3f}", interval, *cells, style=style)
    console.print(rows)
    console.print(
        f"calibration error {report.after.error:.3f} (before scaling {report.before.error:.3f}), "
        f"{speed['size_bytes'] / 1e6:.1f} MB, {speed['latency_p50_ms']:.2f} ms a text (p99 "
        f"{speed['latency_p99_ms']:.2f}), {speed['texts_per_second']:.0f} texts/s",
        f"Report with plots and the worst errors: reports/{name}/report.md",
        sep="\n",
        highlight=False,
        soft_wrap=True,
    )


def main(name: str) -> None:
    """Evaluate, write the reports, add the figures to the training's run, and print them."""
    flywheel = config.flywheel(name)
    report, speed = run(name, flywheel)
    record(name, report, speed)
    show(name, report, speed, Console())


def record(name: str, report: Report, speed: dict[str, float]) -> None:
    """Add test figures and plots to the MLflow run that trained this bundle."""
    from volant import tracking
    from volant.bundle import MANIFEST

    manifest = json.loads((Path("models") / name / MANIFEST).read_text(encoding="utf-8"))
    with tracking.resume(name, {"bundle": manifest["digest"]}) as run:
        run.log_metrics({f"test_{metric}": value for metric, value in report.scores.items()})
        run.log_metrics({"test_ece": report.after.error, **speed})
        run.log_file(Path("reports") / name / "report.md")
        for plot in sorted((Path("reports") / name / "plots").glob("*.png")):
            run.log_file(plot, "plots")


if __name__ == "__main__":
    run_stage(main)
