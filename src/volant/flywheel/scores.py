"""The new bundle and the active version, answering the same test rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from volant import config
from volant.gate import Answers, Comparison, compare
from volant.kinds import KINDS
from volant.schema import Annotation, read_table
from volant.stages.evaluate import served_rows

if TYPE_CHECKING:
    from volant.tracking.registry import Registry, Version


def rows(name: str, root: Path = Path()) -> pa.Table:
    """The test rows that the evaluation judged: raw texts, in its order."""
    data = root / "data" / name
    test = served_rows(read_table(data / "prepared/test.parquet"), read_table(data / "clean/test.parquet"))
    judged = set(read_table(root / "reports" / name / "predictions.parquet", ["id"])["id"].to_pylist())
    return test.filter(pa.array([key in judged for key in test["id"].to_pylist()]))


def answers(name: str, labels: tuple[str, ...], root: Path = Path()) -> Answers:
    """What the evaluated bundle said, as the evaluation wrote it down.

    Args:
        name: The flywheel's name.
        labels: The bundle's label set.
        root: The project's root.
    """
    said = read_table(root / "reports" / name / "predictions.parquet", ["predicted", "scores"]).to_pylist()
    return Answers(labels, [_annotation(row["predicted"], row["scores"]) for row in said])


def against(
    name: str, flywheel: config.Flywheel, registry: "Registry", active: "Version", root: Path = Path()
) -> tuple[Comparison | None, str]:
    """The evaluated bundle against the active version on the same rows; or none, and why.

    An old version that can't be loaded any more, or knows none of today's labels, must not stop a new one.
    """
    from volant.bundle import Bundle, verify

    test = rows(name, root)
    new = answers(name, tuple(verify(root / "models" / name)["labels"]), root)
    try:
        old = Bundle.load(registry.fetch(name, active.number))
        said = Answers(old.labels, old.predict(test["text"].to_pylist()))
        cuts = [*flywheel.evaluation.slices, *(["dataset"] if "dataset" in test.column_names else [])]
        samples = flywheel.evaluation.bootstrap_samples
        kind = KINDS[flywheel.kind]
        found = compare(kind, flywheel.metric, test, new, said, cuts, flywheel.gate, flywheel.seed, samples)
    except Exception as error:  # a bundle of old can fail in any way; none may keep a new version from its gate
        return None, f"version {active.number} can't be compared: {error or type(error).__name__}"
    return found, ""


def _annotation(predicted: Any, scores: dict[str, float]) -> Annotation:
    if isinstance(predicted, list):
        return Annotation(labels=tuple(predicted), scores=scores)
    return Annotation(label=predicted, scores=scores)
