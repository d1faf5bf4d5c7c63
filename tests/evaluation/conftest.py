"""Small hand-made rows and answers of both kinds."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from volant.evaluation import Report, Task, evaluate
from volant.kinds import KINDS, Calibration

LABELS = ("calm", "glad", "sad")
ROWS = 90


def made(name: str, seed: int = 0) -> tuple[Task, pa.Table, list]:
    """A task, its test rows, and answers that are right more often than not."""
    kind, draw = KINDS[name], np.random.default_rng(seed)
    held = np.eye(3)[draw.integers(0, 3, ROWS)] > 0
    held[:, 1] |= (draw.random(ROWS) < 0.3) & (name == "multilabel")
    sets = [[LABELS[k] for k in np.flatnonzero(row)] for row in held]
    target = sets if name == "multilabel" else [row[0] for row in sets]
    rows = pa.table(
        {
            "id": [f"r{k}" for k in range(ROWS)],
            "text": [f"text {k} | with a bar\nand *marks* " + "word " * (k % 9) for k in range(ROWS)],
            kind.columns[0]: target,
            "film": [f"film {k % 3}" for k in range(ROWS)],
        }
    )
    calibration = Calibration(2.0, (0.5, 0.5, 0.5) if name == "multilabel" else ())
    logits = 3 * (2.0 * held - 1) + draw.normal(0, 4, (ROWS, 3))
    predicted = kind.decode(kind.probabilities(logits, calibration), LABELS, calibration)
    task = Task(kind, LABELS, "macro_f1", calibration, slices=("film",), samples=100, worst=5)
    return task, rows, predicted


@pytest.fixture(scope="session")
def make() -> Callable[[str], Report]:
    """The report of a kind's hand-made rows, worked out anew at each call."""

    def build(name: str) -> Report:
        task, rows, predicted = made(name)
        return evaluate(task, task.kind.gold(rows), rows, predicted)

    return build


@pytest.fixture(params=["classify", "multilabel"], scope="session")
def report(request: pytest.FixtureRequest, make: Callable[[str], Report]) -> Report:
    return make(request.param)
