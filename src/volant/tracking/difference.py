"""Differences between two versions: metrics, config, data, and predictions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from volant.bundle.bundle import Bundle
from volant.kinds.answers import phrases
from volant.kinds.record import Annotation
from volant.tracking.registry import Registry
from volant.workspace import paths
from volant.workspace.files import read_table
from volant.workspace.provenance import flatten

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Changed:
    """A test text with different predictions of the two versions."""

    id: str
    text: str
    gold: str
    first: str
    second: str


@dataclass(frozen=True)
class Difference:
    """The differences between two versions; each pair is (first, second).

    Attributes:
        flywheel: Name of the flywheel.
        versions: Numbers of the two versions.
        metrics: Values of every metric that either has.
        config: Dotted keys whose values differ.
        data: Hashes and datasets that differ.
        rows: Number of test rows that both predicted; 0 if there are none on this machine.
        changed: Number of rows with different predictions.
        texts: Some of those rows.
    """

    flywheel: str
    versions: tuple[int, int]
    metrics: dict[str, Pair]
    config: dict[str, Pair]
    data: dict[str, Pair]
    rows: int
    changed: int
    texts: list[Changed]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object."""
        return asdict(self)


def difference(registry: Registry, flywheel: str, numbers: tuple[int, int], texts: int, root: Path) -> Difference:
    """Compare two versions.

    Fails with `VolantError` if there is no such version, or a bundle can't be downloaded.

    Args:
        registry: Registry with both versions.
        flywheel: Name of the flywheel.
        numbers: Numbers of the first and the second version.
        texts: Largest number of texts with different predictions to return.
        root: Root of the project, with `data/<flywheel>/prepared/test.parquet`.
    """
    first, second = (registry.get(flywheel, number) for number in numbers)
    configs = [flatten(registry.record(flywheel, number).config) for number in numbers]
    rows, changed = _answers(registry, flywheel, numbers, root)
    return Difference(
        flywheel,
        numbers,
        metrics=_pairs(first.metrics, second.metrics),
        config=_unlike(_pairs(*configs)),
        data=_unlike({**_pairs(first.data, second.data), "datasets": (first.datasets, second.datasets)}),
        rows=rows,
        changed=len(changed),
        texts=changed[:texts],
    )


def _pairs(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Pair]:
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])}


def _unlike(pairs: dict[str, Pair]) -> dict[str, Pair]:
    return {name: (first, second) for name, (first, second) in pairs.items() if first != second}


def _answers(registry: Registry, flywheel: str, numbers: tuple[int, int], root: Path) -> tuple[int, list[Changed]]:
    """Return the number of test rows that both versions predicted, and those rows that they predict differently."""
    path = paths.prepared(flywheel, root) / "test.parquet"
    if not path.exists():
        return 0, []
    test = read_table(path)
    loaded = [Bundle.load(registry.fetch(flywheel, number)) for number in numbers]
    texts = test["text"].to_pylist()
    kind = loaded[0].kind
    answers = [kind.gold(test), *(bundle.predict(texts) for bundle in loaded)]
    columns = [_words(texts, annotations) for annotations in answers]
    differ = [_bare(first) != _bare(second) for first, second in zip(answers[1], answers[2], strict=True)]
    rows = [Changed(*row) for row in zip(test["id"].to_pylist(), texts, *columns, strict=True)]
    return len(rows), list(compress(rows, differ))


def _bare(annotation: Annotation) -> Annotation:
    return replace(annotation, scores={})


def _words(texts: Sequence[str], annotations: Sequence[Annotation]) -> list[str]:
    return [", ".join(sorted(phrases(a, text))) for text, a in zip(texts, annotations, strict=True)]
