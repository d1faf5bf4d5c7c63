"""Outputs of frozen layers that are computed once train as the same layers computed at every step."""

import copy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from volant.kinds import KINDS
from volant.models import Examples
from volant.models.fine_tuning import load_encoder
from volant.models.neural import frozen
from volant.models.neural.batches import collate
from volant.models.neural.encoders import TransformerEncoder, first_token_only, freeze
from volant.models.neural.fitting import learn
from volant.models.neural.frozen import from_stored, frozen_layers, outputs
from volant.models.neural.heads import HeadOptions, Net, TextHead
from volant.models.neural.options import Training
from volant.models.neural.sides import Side
from volant.models.transformer import Transformer

IDS = [[2, 7, 9, 3], [2, 9, 3]]


@pytest.fixture
def net(tiny_encoder: Path) -> Any:
    encoder = TransformerEncoder(load_encoder(str(tiny_encoder), None, None)[0])
    freeze(encoder, 1)
    torch.manual_seed(1)
    return Net(encoder, TextHead(encoder.width, {"logits": 2}, HeadOptions(0.0, pooling="cls")))


def gradients(net: Any, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """The gradients of one step, by name of the parameter."""
    net.eval()
    net(**collate(TextHead.stack, rows))["loss"].backward()
    return {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("shortened", [False, True])
def test_a_step_from_stored_outputs_is_the_same_step(net: Any, shortened: bool) -> None:
    if shortened:
        first_token_only(net.encoder)
    whole = copy.deepcopy(net)
    before = list(net.state_dict())
    rows = [{"input_ids": row, "labels": label} for row, label in zip(IDS, (0, 1), strict=True)]
    expected = gradients(whole, rows)
    states = outputs(net.encoder, IDS, 1, bf16=False)
    assert [values.shape for values in states] == [(4, net.encoder.width), (3, net.encoder.width)]
    assert {values.dtype for values in states} == {np.dtype(np.float16)}
    with from_stored(net.encoder, 1):
        found = gradients(net, [{**row, "states": values} for row, values in zip(rows, states, strict=True)])
    assert list(net.state_dict()) == before
    assert len(found) == len(expected)
    pairs = zip(found.values(), expected.values(), strict=True)  # the names of the layers differ: 1, not 2
    assert all(torch.allclose(one, other, atol=2e-3) for one, other in pairs)
    assert max(gradient.abs().max() for gradient in expected.values()) > 1e-2


def test_outputs_are_the_same_bytes_each_time(net: Any) -> None:
    first, second = (outputs(net.encoder, IDS, 1, bf16=False) for _ in range(2))
    assert [values.tobytes() for values in first] == [values.tobytes() for values in second]


def test_what_learns_is_not_stored(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frozen_layers(net.encoder, 7) == 1
    with monkeypatch.context() as patch:
        patch.setattr(frozen, "MOST_BYTES", 7 * net.encoder.width * 2 - 1)  # they would not fit
        assert frozen_layers(net.encoder, 7) == 0
    net.encoder.model.embeddings.requires_grad_(True)
    assert frozen_layers(net.encoder, 7) == 0
    freeze(net.encoder, "head")
    assert frozen_layers(net.encoder, 7) == 0


def test_stopped_in_the_middle_the_encoder_has_its_layers_again(net: Any) -> None:
    own = list(net.encoder.model.encoder.layer)
    with pytest.raises(KeyboardInterrupt), from_stored(net.encoder, 1):
        raise KeyboardInterrupt
    assert list(net.encoder.model.encoder.layer) == own


class KilledError(Exception):
    """As a kill would: nothing after it is done."""


def trained(tiny_encoder: Path, work: Path, scores: Sequence[float | None]) -> tuple[Any, Any, dict[str, bytes]]:
    """A training of the last layer: its history, the best epoch and the weights. It is killed where a score is None."""
    left = iter(scores)

    def score(*_: Any) -> dict[str, float]:
        value = next(left)
        if value is None:
            raise KilledError
        return {"accuracy": value}

    task: Any = SimpleNamespace(kind=KINDS["classify"], score=score, metric="accuracy", seed=13, labels=("a", "b"))
    rows = Examples([], [], np.array([0, 1] * 4))
    options = Training(train_batch_size=4, num_train_epochs=3, min_steps=1, learning_rate=1e-2, progress=False)
    composition = Transformer(encoder=str(tiny_encoder), trainable=1).composition()
    side = Side(rows, IDS * 4, rows.targets, None, {})
    net, history, best = learn(composition, (side, side), task, options, work)
    return history, best, {name: value.numpy().tobytes() for name, value in net.state_dict().items()}


def test_killed_and_resumed_it_ends_with_the_same_bytes(tiny_encoder: Path, tmp_path: Path) -> None:
    expected = trained(tiny_encoder, tmp_path / "whole", [0.1, 0.2, 0.3])
    with pytest.raises(KilledError):
        trained(tiny_encoder, tmp_path / "cut", [0.1, None])
    assert trained(tiny_encoder, tmp_path / "cut", [0.2, 0.3]) == expected
