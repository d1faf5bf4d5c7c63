"""Stage `evaluate`: the bundle is judged on test rows, through the same door as in service.

Run as `python -m volant.stages.evaluate FLYWHEEL`. Reads models/FLYWHEEL and data/FLYWHEEL, writes
reports/FLYWHEEL. Test rows choose nothing.
"""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from volant import config
from volant.errors import VolantError
from volant.evaluation import Report, Task, evaluate
from volant.evaluation.files import write, write_json
from volant.evaluation.speed import folder_size, latencies, speed_metrics, timed
from volant.schema import read_table
from volant.stages import run_stage
from volant.terminal import Console

if TYPE_CHECKING:
    from volant.bundle import Bundle

log = logging.getLogger(__name__)


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
    served, test = len(test), answerable(bundle, test)
    texts = test.column("text").to_pylist()
    predicted, predicting = timed(lambda: bundle.predict(texts))
    train_gold = bundle.kind.gold(read_table(data / "clean/train.parquet", [bundle.kind.column]))
    report = evaluate(task(flywheel, bundle), train_gold, test, predicted)
    report = replace(report, left_out=served - len(test))
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


def answerable(bundle: "Bundle", test: pa.Table) -> pa.Table:
    """The rows whose labels the bundle knows: new ones can come with TEST rows before any TRAIN row teaches them."""
    known = set(bundle.labels)
    held = [{a.label} if a.label is not None else set(a.labels) for a in bundle.kind.gold(test)]
    foreign = sorted(set().union(*held) - known)
    if foreign:
        kept = [labels <= known for labels in held]
        log.warning(
            "%d test rows are left out: this bundle was not taught their labels (%s). Ingest TRAIN rows of those.",
            kept.count(False),
            ", ".join(foreign[:10]),
        )
        return test.filter(pa.array(kept))
    return test


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
        group=flywheel.split.group,
    )


def main(name: str) -> None:
    """Evaluate, write the reports, and add the figures to the training's run."""
    flywheel = config.flywheel(name)
    report, speed = run(name, flywheel)
    record(name, report, speed)
    metric = flywheel.metric
    ends = report.intervals.get(metric)  # none where no resample of the rows has every label
    between = f" ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
    Console().print(f"{name}: {metric} {report.scores[metric]:.4f}{between}, reports/{name}/report.md")


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
