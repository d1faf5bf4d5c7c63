"""Few labels: steps enough, a head that is solved, an encoder that learns from pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.kinds import WHOLE
from support.texts import reviews, topics
from support.tiny import TINY, flywheel
from volant import config
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.models import Task
from volant.models.neural import fitting
from volant.models.neural.contrastive import draw, pair_loss, similarity
from volant.models.neural.logistic import logistic_head
from volant.models.neural.options import Contrastive, Logistic, Training
from volant.models.neural.training import Goal, arguments
from volant.models.transformer import Transformer
from volant.stages.train import report, train
from volant.workspace.files import write_table

PAIRS = {"steps": 20, "batch_size": 16, "learning_rate": 0.01}
GOAL = Goal(lambda _: {}, "accuracy", 1)


def few(kind: str, folder: Path, count: int = 24) -> Path:
    """Clean splits with few train rows."""
    make = {"classify": reviews, "multilabel": topics}[kind]
    for seed, (split, rows) in enumerate({"train": count, "validation": 40}.items()):
        write_table(make(rows, seed), folder / f"{split}.parquet")
    return folder


def tiny(encoder: Path, **changes: Any) -> dict[str, Any]:
    return {**TINY["transformer"], "encoder": str(encoder), **changes}


@pytest.mark.parametrize(("rows", "steps", "every"), [(16, 60, 60), (240, 60, 60), (320, 60, 20), (1600, 300, 100)])
def test_few_rows_get_as_many_steps_as_are_asked_for(rows: int, steps: int, every: int, tmp_path: Path) -> None:
    """Three epochs of 16 rows were three steps, one of them warm-up."""
    made = arguments(Training(train_batch_size=16, num_train_epochs=3), GOAL, rows, tmp_path)
    planned = int(np.ceil(rows / 16) * 3)
    assert (made.max_steps if made.max_steps > 0 else planned) == steps
    assert made.eval_steps == every
    assert made.warmup_steps == round(0.1 * steps)


@pytest.mark.slow
def test_a_tiny_training_learns(tiny_encoder: Path, tmp_path: Path) -> None:
    """With epochs alone, two rows a batch of 32 are one step each."""
    data = few("classify", tmp_path / "data")
    scores = {}
    for steps in (1, 60):
        training = {"num_train_epochs": 1, "min_steps": steps, "learning_rate": 0.01, "progress": False}
        wheel = flywheel("classify", tiny(tiny_encoder, training=training))
        done = train("few", wheel, data, tmp_path / f"bundle-{steps}", tmp_path / "work")
        scores[steps] = done.validation["macro_f1"]
        assert [row["step"] for row in done.fitted.history] == [steps]
    assert scores[60] > max(0.7, scores[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize(
    "changes",
    [
        {"trainable": "head", "logistic": {}},
        {"logistic": {"c": 10.0}, "contrastive": PAIRS},
        {"trainable": 1, "logistic": {}, "contrastive": {**PAIRS, "bf16": True}},
    ],
    ids=["frozen", "contrastive", "last layer, bf16"],
)
def test_a_solved_head_is_served_as_it_was_solved_and_is_the_same_again(
    kind: str, changes: dict[str, Any], tiny_encoder: Path, tmp_path: Path
) -> None:
    data = few(kind, tmp_path / "data", 120)
    wheel = flywheel(kind, tiny(tiny_encoder, **changes))
    first, again = (train("few", wheel, data, tmp_path / f"b{k}", tmp_path / "work") for k in range(2))
    assert first.validation["macro_f1"] > 0.6
    assert report(first) == report(again)
    assert first.bundle.manifest["files"] == again.bundle.manifest["files"]
    assert first.bundle.predict(["the film was lovely"]) == again.bundle.predict(["the film was lovely"])


def test_pairs_bring_rows_of_one_label_together(tiny_encoder: Path) -> None:
    table = reviews(32, seed=3)
    gold = KINDS["classify"].gold(table)
    targets = KINDS["classify"].targets(gold, ["fresh", "rotten"])
    model = Transformer(encoder=str(tiny_encoder), logistic=Logistic(), contrastive=Contrastive(**PAIRS))
    parts = model.composition()
    ids = parts.reader.ids(table["text"].to_pylist())
    net = fitting.Net(
        parts.encoder, fitting.TextHead(parts.width, {"logits": 2}, fitting.HeadOptions(0.1, pooling="mean"))
    )
    wanted = torch.as_tensor(similarity(targets))
    before = pair_loss(torch.as_tensor(fitting.encode(net, ids)), wanted)
    fitting.contrast(net, ids, targets, Contrastive(**PAIRS), 1)
    assert pair_loss(torch.as_tensor(fitting.encode(net, ids)), wanted) < 0.5 * before


def test_a_step_holds_pairs_of_both_sorts() -> None:
    targets = np.array([0] * 40 + [1] * 3 + [2] * 2)
    for _, rows in zip(range(20), draw(targets, 8, 0), strict=False):
        assert len(rows) <= 8
        assert len(set(rows.tolist())) == len(rows)
        held = np.bincount(targets[rows], minlength=3)
        assert (held[held > 0] >= 2).all()
        assert (held > 0).sum() >= 2


def test_a_pair_loss_is_that_of_its_cosines() -> None:
    states = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    assert pair_loss(states, torch.as_tensor(similarity(np.array([0, 0, 1])))) == pytest.approx(0)
    # the near pair is 1 off, of the two far ones, one is: (1 + 0.5) / 2
    assert pair_loss(states, torch.as_tensor(similarity(np.array([0, 1, 0])))) == pytest.approx(0.75)
    assert torch.isfinite(pair_loss(states[:1], torch.ones(1, 1)))


def test_one_label_alone_is_always_the_answer() -> None:
    coefficients, intercepts = logistic_head(np.ones((3, 4)), np.array([1, 1, 1]), 3, Logistic())
    assert (np.ones((1, 4)) @ coefficients.T + intercepts).argmax() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"contrastive": {}},
        {"contrastive": {}, "logistic": {}, "trainable": "head"},
        {"logistic": {}},
        {"truncation": "tail"},
        {"logistic": {"c": 0}},
    ],
)
def test_options_that_exclude_each_other_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(VolantError, match=r"flywheels\.x\.model"):
        config.build({**TINY["transformer"], **changes}, "flywheels.x.model")


def test_out_of_fold_answers_are_of_models_that_have_not_seen_the_row(tiny_encoder: Path) -> None:
    """Rows whose labels are drawn at random can't be answered by what was fitted without them."""
    rng = np.random.default_rng(0)
    table = reviews(60, seed=1)
    gold = KINDS["classify"].gold(table)
    targets = rng.integers(0, 2, 60)
    rows = fitting.Examples(table["text"].to_pylist(), gold, targets)
    folds = [np.arange(0, 60, 2), np.arange(1, 60, 2)]
    task = Task(KINDS["classify"], ("fresh", "rotten"), "accuracy", 1)
    quick = Training(min_steps=20, num_train_epochs=1, learning_rate=0.01, progress=False)
    frozen = Transformer(encoder=str(tiny_encoder), trainable="head", logistic=Logistic(c=1000.0))
    for model in (frozen, Transformer(encoder=str(tiny_encoder), training=quick)):
        logits = model.out_of_fold(rows, folds, task)
        again = replace(model, linear=None).out_of_fold(rows, folds, task)
        assert logits.shape == (60, 2)
        assert np.array_equal(logits, again)
        assert (logits.argmax(axis=1) == targets).mean() < 0.75
