"""Two small flywheels with clean rows, a linear bundle and an evaluation's details, in a folder like a project's."""

import json
from pathlib import Path

import pytest

from support.advised import flywheel
from support.texts import reviews, topics
from volant.stages.train import train
from volant.workspace.files import write_table

SIZES = {"train": 400, "validation": 120, "test": 120}
DETAILS = {
    "metric": "macro_f1",
    "scores": {"macro_f1": 0.8},
    "labels": [
        {"label": "fresh", "f1": 0.9, "support": 60, "precision": 0.9, "recall": 0.9},
        {"label": "rotten", "f1": 0.7, "support": 60, "precision": 0.7, "recall": 0.7},
    ],
    "slices": {
        "movie": {
            "values": 3,
            "spread": {},
            "listed": [
                {"value": "m1", "rows": 40, "macro_f1": 0.6},
                {"value": "m2", "rows": 40, "macro_f1": 0.95},
                {"value": "m3", "rows": 5, "macro_f1": 0.1},
            ],
        }
    },
}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the flywheels `reviews` (classify) and `topics` (multilabel), trained."""
    folder = tmp_path_factory.mktemp("learning")
    for name, kind, make in (("reviews", "classify", reviews), ("topics", "multilabel", topics)):
        data = folder / "data" / name
        for seed, (split, count) in enumerate(SIZES.items()):
            for state in ("prepared", "clean"):
                write_table(make(count, seed), data / state / f"{split}.parquet")
        train(name, flywheel(kind), data / "clean", folder / "models" / name, folder / "work")
    (folder / "reports/reviews").mkdir(parents=True)
    (folder / "reports/reviews/details.json").write_text(json.dumps(DETAILS))
    return folder
