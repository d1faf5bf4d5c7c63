"""A version's weights are kept beside the bundle, and a later version starts from them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.tiny import TINY, flywheel
from volant.errors import VolantError
from volant.kinds.outputs import CANDIDATES
from volant.models.neural.encoders import RecurrentEncoder
from volant.models.neural.heads import HeadOptions, Net, TextHead
from volant.models.neural.pair_heads import PairHead
from volant.models.neural.weights import keep, restore
from volant.models.recurrent import learn_tokenizer
from volant.stages.train import Trained, train

IDS, MASK = torch.tensor([[2, 3, 4]]), torch.ones(1, 3, dtype=torch.long)


def net(labels: int, hidden: int = 4) -> Net:
    encoder = RecurrentEncoder(12, 4, hidden, layers=1, cell="gru", bidirectional=True, dropout=0.0)
    return Net(encoder, TextHead(encoder.width, {"logits": labels}, HeadOptions(0.0, pooling="mean"))).eval()


def test_rows_of_the_head_go_by_label(tmp_path: Path) -> None:
    old, new = net(2), net(3)
    keep(old, learn_tokenizer(["a b"], "word", 12), ["x", "y"], tmp_path)
    untouched = new.head.linear.weight[0].clone()
    restore(new, ["new", "y", "x"], tmp_path)
    was, now = old(IDS, MASK)["logits"][0], new(IDS, MASK)["logits"][0]
    assert torch.allclose(now[[2, 1]], was, atol=1e-2)
    assert torch.equal(new.head.linear.weight[0], untouched)


def pairs(classes: int) -> Net:
    encoder = RecurrentEncoder(12, 4, 4, layers=1, cell="gru", bidirectional=True, dropout=0.0)
    return Net(encoder, PairHead(encoder.width, {CANDIDATES: classes}, HeadOptions())).eval()


def test_a_head_of_pairs_goes_on_with_the_same_labels_and_starts_anew_with_others(tmp_path: Path) -> None:
    old, same, other, reordered = pairs(2), pairs(2), pairs(3), pairs(2)
    keep(old, learn_tokenizer(["a b"], "word", 12), ["x", "y"], tmp_path)
    restore(same, ["x", "y"], tmp_path)
    assert torch.allclose(same(IDS, MASK)[CANDIDATES][..., 5], old(IDS, MASK)[CANDIDATES][..., 5], atol=1e-2)
    for new, labels in ((other, ["x", "y", "z"]), (reordered, ["y", "x"])):
        untouched = new.head.firsts.terms.weight.clone()
        restore(new, labels, tmp_path)
        assert torch.equal(new.head.firsts.terms.weight, untouched)
        assert torch.allclose(new.encoder(IDS, MASK), old.encoder(IDS, MASK), atol=1e-2)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    keep(net(2), learn_tokenizer(["a b"], "word", 12), ["x", "y"], tmp_path)
    with pytest.raises(VolantError, match="another architecture"):
        restore(net(2, hidden=8), ["x", "y"], tmp_path)


@pytest.mark.parametrize("family", ["recurrent", "transformer"])
def test_a_training_starts_where_an_earlier_one_ended(
    family: str, trained: Callable[..., Trained], data: dict[str, Path], tiny_encoder: Path, tmp_path: Path
) -> None:
    first = trained("classify", family)
    assert first.fitted.weights
    model: dict[str, Any] = {**TINY[family], **({"encoder": str(tiny_encoder)} if family == "transformer" else {})}
    # a learning rate of next to nothing: what it scores is what it started with
    still = {**model, "start": str(first.fitted.weights), "training": {**model["training"], "learning_rate": 1e-12}}
    wheel = flywheel("classify", still)
    second = train("made-up", wheel, data["classify"], tmp_path / "bundle", tmp_path / "work")
    texts = ["the film was lovely", "the plot was dull"]
    assert np.abs(first.bundle.probabilities(texts) - second.bundle.probabilities(texts)).max() < 0.02
    anew = train("made-up", replace(wheel, model={**still, "start": None}), data["classify"], tmp_path / "b", tmp_path)
    assert np.abs(first.bundle.probabilities(texts) - anew.bundle.probabilities(texts)).max() > 0.02


def test_missing_weights_are_named(data: dict[str, Path], tmp_path: Path) -> None:
    wheel = flywheel("classify", {**TINY["recurrent"], "start": "nowhere"})
    with pytest.raises(VolantError, match="--from-version"):
        train("made-up", wheel, data["classify"], tmp_path / "bundle", tmp_path / "work")
