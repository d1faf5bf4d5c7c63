"""The family that chooses: by cross-validation on train alone, within what it may cost, saying so."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from support.kinds import WHOLE
from support.projects import ROOT
from support.texts import reviews, topics
from support.tiny import TINY, flywheel
from volant import config
from volant.bundle.runtime import load
from volant.config.compose import compose
from volant.config.model_choice import flywheel_tree, model_tree
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.models import Examples, Task
from volant.models.auto import Auto, decide, recurring
from volant.models.blend import normalised, stack
from volant.models.folds import deal
from volant.stages.train import report, train
from volant.workspace.files import write_table

PAIRS = {"steps": 10, "learning_rate": 0.01}
TASK = Task(KINDS["classify"], ("fresh", "rotten"), "macro_f1", 5)


def tree(encoder: Path, **changes: Any) -> dict[str, Any]:
    """The family with the tiny encoder."""
    base = {**TINY["transformer"], "encoder": str(encoder)}
    return {
        "_target_": "volant.models.auto.Auto",
        "family": "auto",
        "linear": TINY["linear"],
        "frozen": {**base, "trainable": "head", "logistic": {}},
        "contrastive": {**base, "logistic": {}, "contrastive": PAIRS},
        "full": {**base, "training": {**base["training"], "min_steps": 20}},
        **changes,
    }


def rows(count: int, seed: int = 0) -> Examples:
    table = reviews(count, seed)
    gold = KINDS["classify"].gold(table)
    return Examples(table["text"].to_pylist(), gold, KINDS["classify"].targets(gold, TASK.labels))


def few(kind: str, folder: Path, count: int) -> Path:
    make = {"classify": reviews, "multilabel": topics}[kind]
    for seed, (split, size) in enumerate({"train": count, "validation": 20}.items()):
        write_table(make(size, seed), folder / f"{split}.parquet")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHOLE)
def test_it_chooses_says_so_and_is_the_same_again(
    kind: str, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = few(kind, tmp_path / "data", 100)
    wheel = flywheel(kind, tree(tiny_encoder))
    first, again = (train("few", wheel, data, tmp_path / f"b{k}", tmp_path / "work") for k in range(2))
    choice = first.fitted.choice
    assert set(choice["scores"]) == {"linear", "frozen", "contrastive", "full"}
    printed = capsys.readouterr().out
    assert f"chosen: {choice['option']}" in printed
    assert all(f"{name} macro_f1" in printed for name in choice["scores"])
    said = report(first)
    assert said["chosen"] == choice["option"]
    assert said == report(again)
    assert first.bundle.manifest["files"] == again.bundle.manifest["files"]
    assert first.bundle.manifest["choice"] == json.loads(json.dumps(choice))
    assert first.bundle.manifest["family"] == choice["family"] != "auto"
    assert f"**Model chosen**: {choice['option']}" in (first.bundle.folder / "README.md").read_text()
    assert first.validation["macro_f1"] > 0.7


def test_test_and_validation_rows_have_no_say(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of each option is the train rows, and nothing else."""
    asked: list[int] = []
    model = config.build(tree(tiny_encoder), "model")
    for name, part in model.models.items():
        own = type(part).out_of_fold

        def counted(self: Any, given: Examples, *more: Any, own: Any = own) -> np.ndarray:
            asked.append(len(given.texts))
            return own(self, given, *more)

        if name in ("linear", "frozen"):
            monkeypatch.setattr(type(part), "out_of_fold", counted)
    choice = model.choose(rows(40), TASK)
    assert set(asked) == {40}
    assert choice["rows"] == 40


def test_many_rows_are_not_cross_validated(tiny_encoder: Path) -> None:
    model: Auto = config.build(tree(tiny_encoder, most_rows=30), "model")
    assert model.choose(rows(31), TASK) == {"option": "full", "why": "31 train rows are more than 30 (most_rows)."}


def test_what_costs_too_much_is_left_out_and_said(tiny_encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model: Auto = config.build(tree(tiny_encoder, most_tokens=10, full_from=1000), "model")
    choice = model.choose(rows(40), TASK)
    assert set(choice["scores"]) == {"linear", "frozen"}
    printed = capsys.readouterr().out
    assert "contrastive is left out: it would read" in printed
    assert "full is left out: fewer than 1000 train rows a label" in printed


def test_a_label_of_one_row_can_not_be_judged_and_bars_no_other(tiny_encoder: Path) -> None:
    made = rows(20)
    assert recurring(Examples(made.texts, made.gold, np.array([0] * 19 + [1])), 2) is None
    some = recurring(Examples(made.texts, made.gold, np.array([0] * 9 + [1] * 10 + [2])), 2)
    assert some is not None
    assert some.targets.tolist() == [0] * 9 + [1] * 10
    lone = Examples(made.texts, made.gold, np.array([0] * 19 + [1]))
    assert config.build(tree(tiny_encoder), "model").choose(lone, TASK)["option"] == "frozen"


def test_processes_of_torchrun_do_not_cross_validate_each_by_itself(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(VolantError, match="Train without torchrun"):
        config.build(tree(tiny_encoder), "model").choose(rows(20), TASK)


def test_the_best_sum_is_taken_and_an_idle_part_is_left_out() -> None:
    rng = np.random.default_rng(0)
    made = Examples([""] * 2000, [], rng.integers(0, 2, 2000))
    right, other = (np.eye(2)[made.targets] * 2 + rng.normal(size=(2000, 2)) for _ in range(2))
    noise = rng.normal(size=(2000, 2))
    assert decide({"linear": right, "frozen": noise, "contrastive": noise}, made, TASK)["option"] == "linear"
    found = decide({"linear": noise, "frozen": noise[::-1], "contrastive": right}, made, TASK)
    assert (found["option"], found.get("weights")) == ("contrastive", None)
    both = decide({"linear": right, "frozen": other}, made, TASK)
    assert both["option"] == "frozen"
    assert min(both["weights"]) > 0.4


def test_of_those_that_chance_cannot_tell_apart_the_most_trained_is_taken() -> None:
    rng = np.random.default_rng(0)
    made = Examples([""] * 60, [], rng.integers(0, 2, 60))
    linear = rng.normal(size=(60, 2))
    right = np.eye(2)[made.targets] * 2
    frozen, full, wrong = right + rng.normal(size=(60, 2)), right + rng.normal(size=(60, 2)) * 1.05, linear[::-1]
    answers = {"linear": linear, "frozen": frozen, "contrastive": wrong, "full": full}
    choice = decide(answers, made, TASK)
    assert choice["option"] == "full"
    assert "within one standard error of the lowest (frozen" in choice["why"]
    assert decide({**answers, "full": wrong}, made, TASK)["option"] == "frozen"


def test_few_rows_do_not_make_one_part_the_only_one() -> None:
    """Of four rows, one part answers all and the other none, which may be luck."""
    targets = np.array([0, 1, 0, 1])
    parts = [np.eye(2)[targets] * 2, np.eye(2)[1 - targets] * 0.5]
    free, held = (normalised(stack(parts, targets, TASK, pull)) for pull in (0.0, 1.0))
    assert free == [1.0, 0.0]
    assert held[1] > 0.05


def test_folds_share_each_label() -> None:
    targets = np.array([0] * 30 + [1] * 10 + [2] * 2)
    parts = deal(targets, 2, seed=3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(42))
    assert [np.bincount(targets[part]).tolist() for part in parts] == [[15, 5, 1], [15, 5, 1]]


@pytest.mark.parametrize(
    "changes",
    [{"folds": 1}, {"linear": {}}, {"frozen": TINY["linear"]}, {"full": {**TINY["transformer"], "layer": 1}}],
)
def test_an_option_of_another_family_is_refused(changes: dict[str, Any], tiny_encoder: Path) -> None:
    with pytest.raises(VolantError, match=r"flywheels\.x\.model"):
        config.build(tree(tiny_encoder, **changes), "flywheels.x.model")


@pytest.mark.slow
def test_a_blend_has_the_weights_of_cross_validation(tiny_encoder: Path, tmp_path: Path) -> None:
    model: Auto = config.build(tree(tiny_encoder), "model")
    chosen = {"option": "frozen", "why": "", "weights": [0.75, 0.25]}
    object.__setattr__(model, "choose", lambda *_: chosen)
    (tmp_path / "files").mkdir()
    fitted = model.fit(rows(40), rows(20, 1), TASK, tmp_path / "files", tmp_path / "work")
    assert all(c["weights"] == [0.75, 0.25] for c in fitted.candidates)
    assert load(tmp_path / "files", fitted.candidates[0]).logits(["the film was lovely"]).argmax() == 0


def test_the_option_read_alone_is_as_hydra_composes_it() -> None:
    """Its parts are other options, each under a name."""
    root = ROOT
    composed = yaml.safe_load(compose(root, ["model@flywheels.reviews.model=auto"]))["flywheels"]["reviews"]["model"]
    own = flywheel_tree(root, "reviews")
    assert not own
    assert model_tree(root, "auto") == composed
    made = config.build(composed, "model")
    assert made.models["contrastive"].contrastive.steps == composed["contrastive"]["contrastive"]["steps"]
    assert made.models["full"].training.train_batch_size == 16
