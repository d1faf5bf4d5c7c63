"""How many layers are taken, and how many of them learn."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import onnx
import pytest
import torch
from transformers import AlbertConfig, AlbertModel, AutoConfig, AutoModel

from support.tiny import TINY, flywheel
from volant import config
from volant.errors import VolantError
from volant.models.fine_tuning import Transformer, load_encoder
from volant.models.neural.encoders import BERTS, TransformerEncoder, first_token_only, freeze, layer_rates
from volant.models.neural.heads import HeadOptions, Net, TextHead, pool
from volant.models.neural.options import Training
from volant.models.neural.speed import trained_tokens
from volant.models.neural.training import Goal, LengthGroupedTrainer, arguments
from volant.stages.train import train


@pytest.mark.parametrize(
    "changes", [{"trainable": 0}, {"trainable": -1}, {"trainable": "heads"}, {"layers": 0}, {"layers": 1.5}]
)
def test_what_no_encoder_has_is_refused_in_the_config(changes: dict[str, Any]) -> None:
    with pytest.raises(VolantError, match=f"model.{next(iter(changes))}"):
        config.build({**TINY["transformer"], **changes}, "flywheels.x.model")


@pytest.mark.parametrize("key", ["seed", "metric"])
def test_the_flywheel_alone_sets_seed_and_metric(key: str) -> None:
    tree = {**TINY["transformer"], "training": {key: 7}}
    with pytest.raises(VolantError, match=f"model.training.{key}"):
        config.build(tree, "flywheels.x.model")


def test_more_layers_than_there_are_would_be_random(tiny_encoder: Path) -> None:
    assert load_encoder(str(tiny_encoder), None, 2)[0].config.num_hidden_layers == 2
    assert len(load_encoder(str(tiny_encoder), None, 1)[0].encoder.layer) == 1
    with pytest.raises(VolantError, match=r"model.layers is 3, but the encoder has 2 layers. Allowed: 1 to 2, or null"):
        load_encoder(str(tiny_encoder), None, 3)


@pytest.mark.parametrize(("layers", "trainable", "there"), [(None, 3, 2), (1, 2, 1)])
def test_more_layers_than_there_are_cannot_learn(
    layers: int | None, trainable: int, there: int, tiny_encoder: Path, tmp_path: Path
) -> None:
    model = Transformer(encoder=str(tiny_encoder), layers=layers, trainable=trainable)
    nothing: Any = SimpleNamespace(texts=["a film"])
    with pytest.raises(VolantError, match=f"model.trainable is {trainable}, but the encoder has {there} layers"):
        model.fit(nothing, nothing, nothing, tmp_path, tmp_path)


def test_lower_layers_learn_slower(tiny_encoder: Path, tmp_path: Path) -> None:
    encoder = TransformerEncoder(load_encoder(str(tiny_encoder), None, None)[0])
    layer_rates(encoder, 0.5)
    net = Net(encoder, TextHead(encoder.width, {"logits": 2}, HeadOptions(0.1, pooling="mean")))
    rows = [{"input_ids": [2, 7, 3], "labels": 1}]
    goal = Goal(lambda _: {}, "accuracy", 1)
    with trained_tokens(encoder, rows):
        options = arguments(Training(learning_rate=0.08, weight_decay=0.1), goal, 1, tmp_path)
        optimizer = LengthGroupedTrainer(model=net, args=options, eval_dataset={}).create_optimizer()
        rates = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
        found = {name: rates[id(parameter)] for name, parameter in net.named_parameters()}
    words = "encoder.model.embeddings.word_embeddings.weight"
    layers = [f"encoder.model.encoder.layer.{k}.output.dense" for k in (0, 1)]
    assert found[words] == (0.01, 0.1)
    assert [found[f"{layer}.weight"] for layer in layers] == [(0.02, 0.1), (0.04, 0.1)]
    assert [found[f"{layer}.bias"] for layer in layers] == [(0.02, 0.0), (0.04, 0.0)]
    assert found["head.linear.weight"] == (0.08, 0.1)


def test_layers_that_are_one_and_the_same_can_not_learn_apart() -> None:
    encoder = TransformerEncoder(AlbertModel(AlbertConfig(vocab_size=20, hidden_size=8, num_attention_heads=2)))
    layer_rates(encoder, 1.0)
    with pytest.raises(VolantError, match=r"no stack of 12 layers .*Set model.layer_decay to 1"):
        layer_rates(encoder, 0.9)
    freeze(encoder, "head")
    layer_rates(encoder, 0.9)  # nothing learns, so there is nothing to tell apart


@pytest.mark.parametrize("kind", BERTS)
def test_what_only_the_first_token_is_read_of_is_not_computed_for_the_others(kind: str) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = AutoConfig.for_model(kind, vocab_size=20, max_position_embeddings=16, pad_token_id=0, **sizes)

    def answered(shortened: bool) -> tuple[torch.Size, torch.Tensor, torch.Tensor]:
        torch.manual_seed(7)
        encoder = TransformerEncoder(AutoModel.from_config(config)).eval()
        if shortened:
            first_token_only(encoder)
        states = encoder(torch.tensor([[2, 7, 9, 3], [2, 8, 3, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]))
        pool(states, torch.ones(2, 4), "cls").pow(3).sum().backward()
        gradient = encoder.model.get_input_embeddings().weight.grad
        return states.shape, states[:, 0], gradient

    (whole, *expected), (short, *found) = answered(False), answered(True)
    assert (whole[1], short[1]) == (4, 1)
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
        assert one.abs().max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("pooling", "spared"), [("cls", True), ("mean", False)])
def test_only_pooling_by_the_first_token_spares_the_others(
    pooling: Literal["cls", "mean"], spared: bool, tiny_encoder: Path, data: dict[str, Path], tmp_path: Path
) -> None:
    changes = {"encoder": str(tiny_encoder), "pooling": pooling, "training": {"num_train_epochs": 1, "progress": False}}
    train(
        "made-up", flywheel("classify", {**TINY["transformer"], **changes}), data["classify"], tmp_path / "b", tmp_path
    )
    (graph,) = (tmp_path / "b").glob("*.onnx")
    cut = [node for node in onnx.load(graph).graph.node if node.op_type == "Slice" and "layer.1" in node.name]
    assert bool(cut) == spared
