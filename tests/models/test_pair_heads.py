"""Heads of pairs: their loss is that of all cells, their candidates are the best ones, and the graph gives the same."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
import torch

from support.kinds import statements
from support.tiny import TINY, flywheel
from volant.bundle.bundle import Bundle
from volant.kinds import KINDS
from volant.kinds.outputs import CANDIDATES
from volant.models.fine_tuning import load_encoder
from volant.models.neural.cascade_head import CascadeHead, end_scores
from volant.models.neural.encoders import RecurrentEncoder, TransformerEncoder
from volant.models.neural.export import fuse, to_onnx
from volant.models.neural.heads import HeadOptions, Net
from volant.models.neural.pair_heads import KEPT, PairHead
from volant.models.neural.pair_scores import NEVER, PairScores, gold_cells, set_loss
from volant.stages.train import train
from volant.workspace.files import write_table


def net(head: type) -> Net:
    torch.manual_seed(1)
    encoder = RecurrentEncoder(20, 8, 8, layers=1, cell="gru", bidirectional=True, dropout=0.0)
    return Net(encoder, head(encoder.width, {CANDIDATES: 3}, HeadOptions())).eval()


def test_the_loss_is_that_of_all_cells_though_they_are_never_in_memory() -> None:
    torch.manual_seed(0)
    scores = PairScores(8, 5)
    states = torch.randn(2, 4, 8) * 3
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    classes = torch.tensor([[0, 3, 3], [1, 2, -1]])
    ends = torch.tensor([[[0, 1], [2, 2], [1, 3]], [[2, 0], [-1, 1], [-1, -1]]])  # one that is not in its window
    square = mask.bool()[:, None, :, None] & mask.bool()[:, None, None, :]
    dense = scores(states, states).masked_fill(~square, NEVER).flatten(0, 1)
    whole = set_loss(dense, gold_cells(scores(states, states), classes, ends).flatten(0, 1)).sum()
    assert scores.loss(states, mask, classes, ends).item() == pytest.approx(whole.item(), rel=1e-5)


def test_the_loss_is_near_zero_where_gold_is_above_and_the_rest_below() -> None:
    gold = torch.eye(3, dtype=torch.bool)[None]
    right = torch.where(gold, 12.0, -12.0)
    assert set_loss(right, gold).item() < 1e-3
    assert set_loss(-right, gold).item() > 20


@pytest.mark.parametrize("head", [PairHead, CascadeHead])
def test_padding_changes_no_candidate(head: type) -> None:
    model = net(head)
    ids = torch.tensor([[2, 5, 6, 7, 0, 0], [2, 9, 8, 7, 6, 5]])
    together = model(ids, (ids > 0).long())[CANDIDATES][0]
    alone = model(ids[:1, :4], torch.ones(1, 4, dtype=torch.long))[CANDIDATES][0]
    real = alone[:, 5] > -20
    assert real.any()
    assert torch.allclose(together[:, 5][real], alone[:, 5][real], atol=1e-4)
    assert (together[real][:, 1:5] < 4).all()
    assert (together[real][:, 2] >= together[real][:, 1]).all()
    assert (together[real][:, 4] >= together[real][:, 3]).all()


@pytest.mark.parametrize("head", [PairHead, CascadeHead])
@pytest.mark.parametrize("length", [1, 2, 30])
def test_the_graph_gives_the_same_candidates_for_any_length(head: type, length: int, tmp_path: Path) -> None:
    model = net(head)
    to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    ids = torch.arange(3 * length).reshape(3, length) % 19 + 1
    mask = torch.ones_like(ids)
    (values,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    expected = model(ids, mask)[CANDIDATES].detach().numpy()
    assert np.asarray(values).shape == expected.shape == (3, KEPT, 6)
    for row, other in zip(np.asarray(values), expected, strict=True):
        logits, others = ({tuple(c[:5]): c[5] for c in cells if c[5] > -100} for cells in (row, other))
        common = logits.keys() & others.keys()  # of equal ones, either may be left out
        assert len(common) > 0.7 * len(others)
        assert [logits[key] for key in common] == pytest.approx([others[key] for key in common], abs=1e-3)


@pytest.mark.parametrize("head", [PairHead, CascadeHead])
def test_the_attention_of_an_encoder_is_fused_below_the_head(head: type, tiny_encoder: Path, tmp_path: Path) -> None:
    model, _ = load_encoder(str(tiny_encoder), None, None)
    model.set_attn_implementation("eager")
    encoder = TransformerEncoder(model)
    to_onnx(Net(encoder, head(encoder.width, {CANDIDATES: 3}, HeadOptions())).eval(), tmp_path / "model.onnx")
    fuse(tmp_path / "model.onnx", model.config)
    operators = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert operators.count("Attention") == model.config.num_hidden_layers


def test_a_part_ends_at_the_first_end_after_its_beginning() -> None:
    ends = torch.tensor([9.0, -9.0, 9.0, 9.0])
    assert end_scores(ends, torch.tensor(1)).argmax().item() == 2
    assert end_scores(ends, torch.tensor(1)).exp().sum().item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("head", [PairHead, CascadeHead])
def test_validation_has_a_loss_of_its_candidates(head: type) -> None:
    model = net(head)
    ids = torch.tensor([[2, 5, 6, 7]])
    mask = torch.ones_like(ids)
    candidates = model(ids, mask)[CANDIDATES].detach()
    best = model.head.stack([candidates[0, :1, :5].numpy().astype(int)])
    nothing = model.head.stack([np.zeros((0, 5), dtype=int)])
    with_gold = model(ids, mask, best)["loss"]
    assert with_gold.item() == pytest.approx((model(ids, mask, nothing)["loss"] - candidates[0, 0, 5]).item(), abs=1e-3)


def made(tmp_path: Path, model: dict[str, Any], name: str = "a", around: int = 0) -> Bundle:
    """A bundle that has learned the made-up facts, each among up to `around` words on either side."""
    draw = random.Random(3)
    for seed, (split, count) in enumerate({"train": 240, "validation": 80}.items()):
        rows = statements(count, seed)
        texts = [
            f"{'n1 ' * draw.randint(0, around)}{text}{' n1' * draw.randint(0, around)}"
            for text in rows["text"].to_pylist()
        ]
        write_table(rows.set_column(1, "text", pa.array(texts)), tmp_path / f"{split}.parquet")
    wheel = flywheel("triples", model, metric="micro_f1")
    return train("made-up", wheel, tmp_path, tmp_path / name, tmp_path / f"work-{name}").bundle


@pytest.mark.slow
def test_a_cascade_learns_facts_the_same_way_twice(tmp_path: Path) -> None:
    model = {**TINY["recurrent"], "hidden_size": 24, "cascade": True}
    bundle = made(tmp_path, model)
    test = statements(60, 9)
    kind = KINDS["triples"]
    predicted = bundle.predict(test["text"].to_pylist())
    assert kind.score(kind.gold(test), predicted, bundle.labels)["micro_f1"] > 0.85
    text = "<b>Anna</b>   knows bert and lives in\tLima 7"
    answer = bundle.predict([text])[0]
    assert {(t.subject, t.predicate, t.object) for t in answer.triples} == {
        ("Anna", "knows", "bert"),
        ("Anna", "lives in", "Lima"),
    }
    for triple in answer.triples:
        assert triple.subject_at
        assert text[slice(*triple.subject_at)] == triple.subject
    again = made(tmp_path, model, "b")
    assert again.manifest["files"] == bundle.manifest["files"]


@pytest.mark.slow
def test_a_long_text_is_read_in_windows(tmp_path: Path) -> None:
    bundle = made(tmp_path, {**TINY["recurrent"], "hidden_size": 24, "max_length": 16}, around=14)
    assert bundle.predict([""])[0].triples == ()
    for before in (0, 5, 11, 40):
        answer = bundle.predict(["n1 " * before + "anna lives in lima" + " n1" * 30])[0]
        assert {(t.subject, t.predicate, t.object) for t in answer.triples} == {("anna", "lives in", "lima")}, before
