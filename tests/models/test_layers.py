"""How many layers are taken, and how many of them learn."""

from pathlib import Path
from typing import Any

import pytest

from models.conftest import TINY
from volant import config
from volant.errors import VolantError
from volant.models.transformer import Transformer, load_encoder


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
    nothing: Any = None
    with pytest.raises(VolantError, match=f"model.trainable is {trainable}, but the encoder has {there} layers"):
        model.fit(nothing, nothing, nothing, tmp_path, tmp_path)
