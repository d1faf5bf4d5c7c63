"""An encoder with n-grams beside it: one model whose logits are the weighed sum of both."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from support.texts import reviews, topics
from support.tiny import TINY, flywheel
from volant import config
from volant.bundle.bundle import Bundle
from volant.bundle.runtime import load
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.models import Examples, Fitted, Task
from volant.models.blend import beside, weigh
from volant.models.linear import Linear
from volant.models.transformer import Transformer
from volant.stages.train import Trained, curves, record, train
from volant.workspace.files import write_text

TEXTS = ["the film was lovely", "the plot was awful and dull", ""]
CLASSIFY = Task(KINDS["classify"], ("fresh", "rotten"), "macro_f1", 5)


@pytest.fixture(scope="module")
def blended(
    data: dict[str, Path], tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Trained]:
    """A trained transformer with a linear model beside it; the same one for every test that asks for it."""

    @cache
    def get(kind: str) -> Trained:
        model = {**TINY["transformer"], "encoder": str(tiny_encoder), "linear": {"char_ngrams": [2, 3]}}
        folder = tmp_path_factory.mktemp(f"{kind}-blend")
        return train("made-up", flywheel(kind, model), data[kind], folder / "bundle", folder / "work")

    return get


@pytest.mark.parametrize(("kind", "made"), [("classify", reviews), ("multilabel", topics)])
def test_a_blend_answers_with_the_weighed_sum_of_its_parts(
    blended: Callable[[str], Trained], kind: str, made: Callable[..., Any]
) -> None:
    bundle = Bundle.load(blended(kind).bundle.folder)
    runtime = bundle.manifest["runtime"]
    encoder, linear = (load(bundle.folder, part).logits(TEXTS) for part in runtime["parts"])
    assert [part["type"] for part in runtime["parts"]] == ["onnx", "linear"]
    wanted = runtime["weights"][0] * encoder + runtime["weights"][1] * linear
    np.testing.assert_allclose(bundle.runtime.logits(TEXTS), wanted, atol=1e-5)
    assert {*runtime["files"]} < {*bundle.manifest["files"]}
    assert bundle.manifest["family"] == "transformer"
    assert len(bundle.predict(made(5, 9)["text"].to_pylist())) == 5


def test_both_precisions_have_the_linear_model_beside_them(blended: Callable[[str], Trained]) -> None:
    fitted = blended("classify").fitted
    assert [candidate["precision"] for candidate in fitted.candidates] == ["fp32", "int8"]
    assert all({"linear.safetensors", "vocabulary.json"} < {*candidate["files"]} for candidate in fitted.candidates)
    assert fitted.candidates[0]["weights"] == fitted.candidates[1]["weights"]


def test_weights_make_validation_most_likely_and_are_never_below_zero() -> None:
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 2, 2000)
    sure = np.stack([1.0 - targets, targets], axis=1)
    *parts, contrary = [sure + rng.normal(size=(2000, 2)) for _ in range(3)]
    parts[1] *= 3  # as good as the first, and three times as loud
    best = weigh(parts, targets, CLASSIFY)
    assert best == pytest.approx([0.75, 0.25], abs=0.05)

    def loss(first: float) -> float:
        logits = first * parts[0] + (1 - first) * parts[1]
        return CLASSIFY.kind.loss(logits / CLASSIFY.kind.calibrate(logits, targets).temperature, targets)

    assert loss(best[0]) < min(loss(best[0] - 0.1), loss(best[0] + 0.1))
    assert weigh([parts[0], rng.normal(size=(2000, 2))], targets, CLASSIFY)[1] < 0.1
    assert weigh([parts[0], -contrary], targets, CLASSIFY) == [1.0, 0.0]


def test_where_no_part_knows_anything_the_first_stands_alone() -> None:
    targets = np.array([0, 1])
    wrong = np.array([[-1.0, 1.0], [1.0, -1.0]])
    assert weigh([wrong, 2 * wrong], targets, CLASSIFY) == [1.0, 0.0]


def test_rows_that_are_told_apart_make_no_answer_sure() -> None:
    targets = np.arange(10) % 2
    sure = np.eye(2)[targets]
    weights = weigh([0.2 * sure, 0.1 * sure], targets, CLASSIFY)
    assert sum(weights) == pytest.approx(1.0)
    logits = weights[0] * 0.2 * sure + weights[1] * 0.1 * sure
    found = CLASSIFY.kind.probabilities(logits, CLASSIFY.kind.calibrate(logits, targets))
    assert found.max() < 0.95


def test_only_the_process_that_writes_adds_what_stands_beside(tmp_path: Path) -> None:
    empty = Fitted(())
    none = Examples([], [], np.empty(0, dtype=np.int64))
    assert beside(empty, Fitted(({"type": "linear"},)), none, CLASSIFY, tmp_path) is empty


def test_what_is_wrong_with_the_linear_model_is_known_before_the_encoder_trains(tmp_path: Path) -> None:
    rows = Examples(["a film"] * 4, [], np.array([0, 1, 0, 1]))
    model = Transformer(encoder=str(tmp_path / "nowhere"), linear=Linear(min_df=9))
    with pytest.raises(VolantError, match="min_df is 9, but there are only 4 train texts"):
        model.fit(rows, rows, CLASSIFY, tmp_path, tmp_path)


def test_no_texts_have_no_logits_of_each_label(blended: Callable[[str], Trained]) -> None:
    assert blended("classify").bundle.runtime.logits([]).shape == (0, 2)


def test_a_misspelt_option_of_the_linear_model_is_named() -> None:
    model = {**TINY["transformer"], "linear": {"char_ngram": [2, 3]}}
    with pytest.raises(VolantError, match=r"model\.linear\.char_ngram.*Did you mean 'char_ngrams'"):
        config.build(model, "model")


def test_the_card_tells_of_the_linear_model(blended: Callable[[str], Trained]) -> None:
    bundle = blended("classify").bundle
    first, second = bundle.manifest["runtime"]["weights"]
    assert f"logits are added with weights {first} and {second}" in (bundle.folder / "README.md").read_text("utf-8")


def test_mlflow_has_the_score_of_the_bundle_and_not_of_its_encoder_alone(
    trained: Callable[..., Trained], project_root: Path
) -> None:
    made = trained("classify", "transformer")
    tree = {"_target_": "volant.models.transformer.Transformer", "family": "transformer"}
    blended = replace(made, validation={**made.validation, "macro_f1": 0.123, "weighted_f1": 0.234})
    write_text(curves(blended), project_root / "reports" / "learning.csv")
    write_text("seed: 1\n", project_root / "params.yaml")
    record("made-up", flywheel("classify", tree), blended, project_root / "reports")
    client = MlflowClient(f"sqlite:///{project_root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("made-up")
    assert experiment
    (found,) = client.search_runs([experiment.experiment_id])
    assert {k: found.data.metrics[k] for k in ("best_val_f1", "val_f1_weighted")} == {
        "best_val_f1": 0.123,
        "val_f1_weighted": 0.234,
    }
    assert found.data.metrics["best_epoch"] == made.fitted.best["epoch"]
    # MLflow shows the last value of a name, which the last epoch's must not be
    assert found.data.metrics["val_macro_f1"] == 0.123
    assert found.data.metrics["train_loss"] == made.fitted.best["train_loss"]
    assert len(client.get_metric_history(found.info.run_id, "val_loss")) == len(made.fitted.history)
