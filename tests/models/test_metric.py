"""What picks the epoch and the precision: less is better for a loss, and an undefined metric is told at once."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from support.kinds import WHOLE
from support.texts import reviews, topics
from support.tiny import TINY, flywheel
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.models import Examples, Task
from volant.models.packing import choose, require_metric
from volant.stages.train import train
from volant.workspace.files import read_table, write_table


def test_int8_that_loses_is_not_taken() -> None:
    assert choose([0.02, 0.2], "hamming_loss") == 0
    assert choose([0.02, 0.01], "hamming_loss") == 1
    assert choose([0.9, 0.8], "macro_f1") == 0
    assert choose([0.9, 0.95], "macro_f1") == 1


def made(kind: str, table: pa.Table, labels: tuple[str, ...], metric: str) -> tuple[Task, Examples]:
    gold = KINDS[kind].gold(table)
    rows = Examples(table["text"].to_pylist(), gold, KINDS[kind].targets(gold, labels))
    return Task(KINDS[kind], labels, metric, seed=0), rows


@pytest.mark.parametrize("kind", WHOLE)
def test_every_metric_of_a_kind_is_defined_on_plain_rows(kind: str) -> None:
    table = {"classify": reviews, "multilabel": topics}[kind](40)
    labels = tuple(sorted(KINDS[kind].count(KINDS[kind].gold(table))))
    for metric in KINDS[kind].metrics:
        task, rows = made(kind, table, labels, metric)
        require_metric(task, rows)
        assert metric in task.score(np.zeros((40, len(labels))), rows)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_label_that_validation_lacks_is_named(kind: str) -> None:
    table = {"classify": reviews, "multilabel": topics}[kind](40)
    labels = (*sorted(KINDS[kind].count(KINDS[kind].gold(table))), "new")
    with pytest.raises(VolantError, match=r"'roc_auc' is undefined on the 40 validation rows.*for 'new'.*macro_f1"):
        require_metric(*made(kind, table, labels, "roc_auc"))
    require_metric(*made(kind, table, labels, "macro_f1"))
    require_metric(*made(kind, table.slice(0, 0), labels, "macro_f1"))


@pytest.mark.parametrize("family", TINY)
def test_it_is_told_before_anything_is_trained(family: str, data: dict[str, Path], tmp_path: Path) -> None:
    table = read_table(data["classify"] / "validation.parquet")
    write_table(
        table.filter(pa.array([label == "fresh" for label in table["label"].to_pylist()])),
        tmp_path / "validation.parquet",
    )
    write_table(read_table(data["classify"] / "train.parquet"), tmp_path / "train.parquet")
    wheel = flywheel("classify", TINY[family], metric="roc_auc")
    with pytest.raises(VolantError, match=re.escape("for 'fresh', 'rotten'")):
        train("made-up", wheel, tmp_path, tmp_path / "bundle", tmp_path / "work")
    assert {path.name for path in tmp_path.iterdir()} == {"train.parquet", "validation.parquet"}


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["hamming_loss", "roc_auc"])
def test_a_network_is_chosen_by_either(metric: str, data: dict[str, Path], tmp_path: Path) -> None:
    wheel = flywheel("multilabel", TINY["recurrent"], metric=metric)
    made = train("made-up", wheel, data["multilabel"], tmp_path / "bundle", tmp_path / "work")
    figures = [row[f"val_{metric}"] for row in made.fitted.history]
    assert made.fitted.best[f"val_{metric}"] == (min if metric == "hamming_loss" else max)(figures) != figures[0]
    assert made.validation[metric] < 0.1 if metric == "hamming_loss" else made.validation[metric] > 0.9
