"""Two sets of answers to compare."""

from typing import Any

import numpy as np
import pyarrow as pa

from volant.config import Gate
from volant.flywheel.gate import Answers, Comparison, compare
from volant.kinds import KINDS
from volant.kinds.record import Annotation

LABELS = ("a", "b", "c")


def rows(count: int, labels: tuple[str, ...] = LABELS) -> pa.Table:
    names = [labels[k % len(labels)] for k in range(count)]
    columns = {"id": [str(k) for k in range(count)], "text": ["word " * (1 + k % 9) for k in range(count)]}
    return pa.table({**columns, "label": names, "site": [f"s{k % 4}" for k in range(count)]})


def answers(test: pa.Table, right: float, seed: int, labels: tuple[str, ...] = LABELS) -> Answers:
    """Right with that probability, else another label."""
    draw = np.random.default_rng(seed)
    said = []
    for gold in test["label"].to_pylist():
        others = [label for label in labels if label != gold]
        hit = gold in labels and draw.random() < right
        said.append(Annotation(label=gold if hit else str(draw.choice(others))))
    return Answers(labels, said)


def against(test: pa.Table, new: Answers, old: Answers, gate: Gate | None = None, **changes: Any) -> Comparison:
    asked: dict[str, Any] = {"metric": "accuracy", "slices": ["site"], "seed": 1, "samples": 300, **changes}
    kind = KINDS[asked.pop("kind", "classify")]
    return compare(kind, test=test, new=new, old=old, gate=gate or Gate(), **asked)
