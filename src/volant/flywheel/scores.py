"""The new bundle and the active version, answering the same test rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from volant import config
from volant.bundle import Bundle, BundleError, verify
from volant.errors import VolantError
from volant.gate import Answers, Comparison, compare
from volant.kinds import KINDS
from volant.schema import Annotation, read_table
from volant.stages.evaluate import served_rows

if TYPE_CHECKING:
    from volant.tracking.registry import Registry, Version


def rows(name: str, root: Path = Path()) -> pa.Table:
    """The test rows as served: raw texts of those that cleaning kept."""
    data = root / "data" / name
    return served_rows(read_table(data / "prepared/test.parquet"), read_table(data / "clean/test.parquet"))


def answers(name: str, labels: tuple[str, ...], test: pa.Table, root: Path = Path()) -> Answers:
    """What the evaluated bundle said of each row, as the evaluation wrote it down; nothing where it could not judge.

    Args:
        name: The flywheel's name.
        labels: The bundle's label set.
        test: The test rows.
        root: The project's root.
    """
    said = read_table(root / "reports" / name / "predictions.parquet", ["id", "predicted", "scores"]).to_pylist()
    found = {row["id"]: _annotation(row["predicted"], row["scores"]) for row in said}
    # rows of labels that the bundle was not taught: no score is taken of them for this side
    nothing = Annotation(label=labels[0], labels=(), scores=dict.fromkeys(labels, 0.0))
    return Answers(labels, [found.get(key, nothing) for key in test["id"].to_pylist()])


def against(
    name: str, flywheel: config.Flywheel, registry: "Registry", active: "Version", root: Path = Path()
) -> tuple[Comparison | None, str]:
    """The evaluated bundle against the active version on the same rows; or none, and why.

    An old version that is lost or broken, or knows none of today's labels, must not stop a new one.

    Raises:
        VolantError: If the files of the registry can't be reached now: that says nothing of the version.
    """
    test = rows(name, root)
    new = answers(name, tuple(verify(root / "models" / name)["labels"]), test, root)
    try:
        old = Bundle.load(registry.fetch(name, active.number))
    except BundleError as error:
        return None, f"version {active.number} can't be compared: {error}"
    try:
        said = Answers(old.labels, old.predict(test["text"].to_pylist()))
    except Exception as error:  # a runtime may fail on an old graph in any way
        return None, f"version {active.number} can't be compared: {error or type(error).__name__}"
    cuts = [*flywheel.evaluation.slices, *(["dataset"] if "dataset" in test.column_names else [])]
    kind, samples, group = KINDS[flywheel.kind], flywheel.evaluation.bootstrap_samples, flywheel.split.group
    try:
        return compare(kind, flywheel.metric, test, new, said, cuts, flywheel.gate, flywheel.seed, samples, group), ""
    except VolantError as error:
        return None, f"version {active.number} can't be compared: {error}"


def _annotation(predicted: Any, scores: dict[str, float]) -> Annotation:
    if isinstance(predicted, list):
        return Annotation(labels=tuple(predicted), scores=scores)
    return Annotation(label=predicted, scores=scores)
