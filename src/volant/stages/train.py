"""Stage `train`: fit on train, select on validation, save a bundle. The test rows are never read."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from volant import config
from volant.bundle import learned
from volant.bundle.bundle import Bundle
from volant.kinds import KINDS, Kind
from volant.models import Examples, Fitted, Task
from volant.models.packing import Origin, pack, require_metric
from volant.stages import run_stage
from volant.workspace import paths
from volant.workspace.files import read_table, write_text
from volant.workspace.provenance import digest, git_commit
from volant.workspace.terminal import Console

WORK = Path(".cache/train")
AVERAGES = {"best_val_f1": "macro_f1", "val_f1_weighted": "weighted_f1"}  # names that other projects' dashboards use
WORTH_A_WORD = 0.01  # share of texts that are truncated


@dataclass(frozen=True)
class Trained:
    """A bundle, the history of its training and its validation metrics."""

    bundle: Bundle
    fitted: Fitted
    validation: Mapping[str, float]


def train(name: str, flywheel: config.Flywheel, data: Path, folder: Path, work: Path) -> Trained:
    """Fit the flywheel's model on `data/train.parquet`, select on `data/validation.parquet`, save a bundle.

    A `VolantError` results if a row has a label outside the label set, the model can't be loaded, or the
    flywheel's metric is undefined on validation.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        data: Folder of the clean splits.
        folder: Folder of the bundle; replaced as a whole once it is complete.
        work: Folder of checkpoints; an interrupted training with the same config and data resumes from there.

    Raises:
        SystemExit: With code 0 in every process of torchrun but the first, once the model is fitted.
    """
    kind = KINDS[flywheel.kind]
    tables = {split: read_table(data / f"{split}.parquet") for split in ("train", "validation")}
    labels = tuple(flywheel.labels or sorted(kind.count(kind.gold(tables["train"]))))
    examples = {split: _examples(table, kind, labels) for split, table in tables.items()}
    task = Task(kind, labels, flywheel.metric, flywheel.seed)
    require_metric(task, examples["validation"])  # before minutes of training
    origin = Origin.of(name, flywheel, data, git_commit())
    work = work / f"{name}-{digest([asdict(flywheel), origin.data])[:16]}"
    rank = int(os.environ.get("RANK", "0"))  # set by torchrun
    draft = folder.with_name(f".{folder.name}.{rank}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    work.mkdir(parents=True, exist_ok=True)
    model = config.build(flywheel.model, f"flywheels.{name}.model")
    fitted = model.fit(examples["train"], examples["validation"], task, draft, work)
    if rank:  # all processes have the same model, the first one saves it
        shutil.rmtree(draft)
        raise SystemExit(0)
    learned.record(tables.values(), flywheel.split.group, draft)
    validation = pack(draft, fitted, task, examples["validation"], flywheel, origin)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    if fitted.weights:  # for the tracker; not part of the bundle, which only predicts
        fitted = replace(fitted, weights=_move(fitted.weights, work.parent.with_name("weights") / name))
    shutil.rmtree(work, ignore_errors=True)
    return Trained(Bundle.load(folder), fitted, validation)


def _move(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    return source.rename(target)


def _examples(table: Any, kind: Kind, labels: tuple[str, ...]) -> Examples:
    gold = kind.gold(table)
    return Examples(table["text"].to_pylist(), gold, kind.targets(gold, labels))


def report(trained: Trained) -> dict[str, Any]:
    """Return the content of `reports/<flywheel>/train.json`; without times, so that it is deterministic."""
    manifest = trained.bundle.manifest
    best = {f"best_{key}" if key in ("epoch", "step") else key: value for key, value in trained.fitted.best.items()}
    return {
        **best,
        **{f"val_{k}": round(v, 6) for k, v in trained.validation.items()},
        "precision": manifest["precision"],
        **{f"{split}_{name}": v for split, found in trained.fitted.reading.items() for name, v in found.items()},
        **_choice(trained.fitted.choice),
    }


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the option that `model: auto` chose, and the cross-validation scores of all."""
    scores = {f"cross_validated_{name}": score for name, score in choice.get("scores", {}).items()}
    return {"chosen": choice["option"], **scores} if choice else {}


def cut_texts(trained: Trained) -> str | None:
    """Return a warning if texts are longer than the model's limit; None if hardly any is."""
    read = trained.fitted.reading.get("train", {})
    if read.get("texts_cut", 0.0) < WORTH_A_WORD:
        return None
    length = trained.bundle.manifest["max_length"]
    return (
        f"{read['texts_cut']:.1%} of the train texts have more than {length} tokens (model.max_length); "
        f"{read['tokens_read']:.1%} of all tokens are read. Raise model.max_length, which takes more time, or set "
        "model.truncation to head_tail, which reads the end of a text too."
    )


def curves(trained: Trained) -> str:
    """Return the learning curves as CSV: a line for each point of train loss, validation loss and the metric."""
    shown = ("train_loss", "val_loss", f"val_{trained.bundle.metric}")
    points = [(row["epoch"], name, row[name]) for name in shown for row in trained.fitted.history if name in row]
    return "epoch,label,value\n" + "".join(f"{epoch},{name},{value}\n" for epoch, name, value in points)


def record(name: str, flywheel: config.Flywheel, trained: Trained, reports: Path) -> None:
    """Log the training as one MLflow run, which its `bundle` tag identifies.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        trained: Result of the training.
        reports: Folder of the training's reports.
    """
    from volant import tracking

    manifest = trained.bundle.manifest
    tags = {f"data.{split}": value for split, value in manifest["data"].items()}
    tags |= {"bundle": manifest["digest"], "config": manifest["config"], "precision": manifest["precision"]}
    with tracking.run(name, asdict(flywheel), tags) as run:
        for step, epoch in enumerate(trained.fitted.history, 1):
            run.log_metrics(epoch, step)
        best = trained.fitted.best
        scores = trained.validation
        kept = {f"val_{key}": value for key, value in scores.items()}
        if "train_loss" in best:  # only where the model is trained by steps
            kept["train_loss"] = best["train_loss"]
        run.log_metrics(kept, len(trained.fitted.history) + 1)
        run.log_metrics({"best_epoch": best["epoch"]})
        run.log_metrics({name: scores[metric] for name, metric in AVERAGES.items() if metric in scores})
        run.log_file(config.PARAMS)
        run.log_file(reports / "learning.csv", "plots")
        run.log_file(trained.bundle.folder / "README.md", "bundle")
        if trained.fitted.weights:
            run.log_file(trained.fitted.weights, "weights")


def main(name: str) -> None:
    """Train, save the bundle and its reports, and track the run."""
    flywheel = config.flywheel(name)
    trained = train(name, flywheel, paths.clean(name), paths.bundle(name), WORK)
    reports = paths.reports(name)
    write_text(json.dumps(report(trained), indent=2) + "\n", reports / "train.json")
    write_text(curves(trained), reports / "learning.csv")
    record(name, flywheel, trained, reports)
    precision = trained.bundle.manifest["precision"]
    score = trained.validation[flywheel.metric]
    if warning := cut_texts(trained):
        Console(stderr=True).print(f"{name}: {warning}", style="yellow", highlight=False, soft_wrap=True)
    Console().print(f"{name}: models/{name} saved ({precision}), validation {flywheel.metric} {score:.4f}")


if __name__ == "__main__":
    run_stage(main)
