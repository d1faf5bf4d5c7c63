"""Stage `evaluate`: evaluate the bundle on test rows, through the same interface as in service.

Run as `python -m volant.stages.evaluate FLYWHEEL`. Reads models/FLYWHEEL and data/FLYWHEEL, writes
reports/FLYWHEEL. Nothing is chosen by test rows.
"""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from volant import config
from volant.evaluation import Report, Task, evaluate
from volant.evaluation.files import write, write_json
from volant.evaluation.rows import answerable, served_rows
from volant.evaluation.speed import folder_size, latencies, speed_metrics, timed
from volant.stages import run_stage
from volant.workspace import paths
from volant.workspace.files import read_table
from volant.workspace.terminal import Console

if TYPE_CHECKING:
    from volant.bundle.bundle import Bundle

log = logging.getLogger(__name__)


def run(name: str, flywheel: config.Flywheel, root: Path = Path()) -> tuple[Report, dict[str, float]]:
    """Evaluate the bundle of a flywheel, write its reports, and return report and speed figures.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        root: Folder of `data`, `models` and `reports`.
    """
    from volant.bundle.bundle import Bundle

    prepared = read_table(paths.prepared(name, root) / "test.parquet")
    test = served_rows(prepared, read_table(paths.clean(name, root) / "test.parquet"))
    bundle, loading = timed(lambda: Bundle.load(paths.bundle(name, root)))
    served = len(test)
    test = answerable(bundle, test)
    texts = test.column("text").to_pylist()
    predicted, predicting = timed(lambda: bundle.predict(texts))
    train_gold = bundle.kind.gold(read_table(paths.clean(name, root) / "train.parquet", list(bundle.kind.columns)))
    report = evaluate(task(flywheel, bundle), train_gold, test, predicted)
    report = replace(report, left_out=served - len(test))
    took = latencies(bundle.predict, texts)
    speed = speed_metrics(folder_size(bundle.folder), loading, took, len(texts) / predicting)
    write(report, paths.reports(name, root))
    write_json(speed, paths.reports(name, root) / "speed.json")
    return report, speed


def task(flywheel: config.Flywheel, bundle: "Bundle") -> Task:
    """Return the settings of the evaluation, from config and bundle."""
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
        group=flywheel.split.group,
    )


def main(name: str) -> None:
    """Evaluate, write the reports, and add the metrics to the training's run."""
    flywheel = config.flywheel(name)
    report, speed = run(name, flywheel)
    record(name, report, speed)
    metric = flywheel.metric
    ends = report.intervals.get(metric)  # none if no resample of the rows has every label
    between = f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
    Console().print(f"{name}: {metric} {report.scores[metric]:.4f}{between}, reports/{name}/report.md")


def record(name: str, report: Report, speed: dict[str, float]) -> None:
    """Add test metrics and plots to the MLflow run that trained this bundle.

    Args:
        name: Name of the flywheel.
        report: Result of the evaluation.
        speed: Speed figures by name.
    """
    from volant import tracking
    from volant.bundle.manifest import MANIFEST

    manifest = json.loads((paths.bundle(name) / MANIFEST).read_text(encoding="utf-8"))
    with tracking.resume(name, {"bundle": manifest["digest"]}) as run:
        run.log_metrics({f"test_{metric}": value for metric, value in report.scores.items()})
        run.log_metrics({"test_ece": report.after.error, **speed})
        run.log_file(paths.reports(name) / "report.md")
        for plot in sorted((paths.reports(name) / "plots").glob("*.png")):
            run.log_file(plot, "plots")


if __name__ == "__main__":
    run_stage(main)
