"""Every hyper-parameter does what it says, on trainings of seconds; every form of net gives its graph's logits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

from support.kinds import WHOLE
from support.texts import reviews, topics
from volant.bundle.runtime import load
from volant.kinds import KINDS
from volant.models import Examples, Fitted, Task
from volant.models.fine_tuning import Transformer, load_encoder
from volant.models.neural.encoders import CELLS, RecurrentEncoder, TransformerEncoder, first_token_only
from volant.models.neural.export import FP32, export
from volant.models.neural.heads import HeadOptions, Net, TextHead, class_weights
from volant.models.neural.options import Training
from volant.models.neural.weights import WEIGHTS
from volant.models.recurrent import Recurrent, learn_tokenizer

POOLINGS = ["mean", "max", "cls", "last"]
TEXTS = ["the film was lovely", "", "the plot was dull and the cast was boring", "lovely"]
QUICK = Training(num_train_epochs=2, min_steps=1, train_batch_size=16, learning_rate=0.02, progress=False, bf16=False)
SMALL = Recurrent(
    tokenizer="word", vocabulary_size=60, embedding_size=8, hidden_size=8, dropout=0.0, max_length=16, training=QUICK
)


@pytest.fixture(scope="module")
def encoders(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny BERT, and a DistilBERT as small."""
    folder = tmp_path_factory.mktemp("distilbert")
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    torch.manual_seed(0)
    shape = DistilBertConfig(
        vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=32
    )
    DistilBertModel(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"bert": tiny_encoder, "distilbert": folder}


def rows(kind: str, count: int, seed: int) -> Examples:
    table = {"classify": reviews, "multilabel": topics}[kind](count, seed)
    gold = KINDS[kind].gold(table)
    labels = sorted(KINDS[kind].count(gold))
    return Examples(table["text"].to_pylist(), gold, KINDS[kind].targets(gold, labels))


def fit(model: Any, folder: Path, kind: str = "classify", count: int = 128) -> Fitted:
    train, validation = rows(kind, count, 0), rows(kind, 48, 1)
    labels = tuple(sorted(KINDS[kind].count(train.gold)))
    (folder / "files").mkdir()
    return model.fit(
        train, validation, Task(KINDS[kind], labels, "macro_f1", seed=5), folder / "files", folder / "work"
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """The small recurrent net with no option set."""
    return fit(SMALL, tmp_path_factory.mktemp("plain"))


def same_logits(net: Net, tokenizer: Tokenizer, folder: Path) -> None:
    """The fp32 graph, fused where it can be, gives what torch gives."""
    candidate = export(net.eval(), tokenizer, 16, folder, TEXTS)[0]
    tokenizer.enable_truncation(16)
    with torch.inference_mode():
        ids = [torch.tensor([encoding.ids]) for encoding in tokenizer.encode_batch(TEXTS)]
        expected = torch.cat([net(i, torch.ones_like(i))["logits"] for i in ids]).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3  # the texts differ
    assert np.abs(load(folder, candidate).logits(TEXTS) - expected).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_a_fused_transformer_gives_the_logits_of_torch(
    name: str, pooling: str, encoders: dict[str, Path], tmp_path: Path
) -> None:
    model, tokenizer = load_encoder(str(encoders[name]), None, None)
    encoder = TransformerEncoder(model)
    if pooling == "cls":
        first_token_only(encoder)
    same_logits(
        Net(encoder, TextHead(encoder.width, {"logits": 2}, HeadOptions(0.1, pooling=pooling))), tokenizer, tmp_path
    )
    operators = [node.op_type for node in onnx.load(tmp_path / FP32).graph.node]
    assert operators.count("Attention") == model.config.num_hidden_layers


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "pooling"), list(zip([*CELLS, "lstm"], POOLINGS, strict=True)))
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, True), (2, False), (2, True)])
def test_a_recurrent_graph_gives_the_logits_of_torch(
    cell: str, pooling: str, layers: int, bidirectional: bool, encoders: dict[str, Path], tmp_path: Path
) -> None:
    if pooling == "cls" and not bidirectional:
        with pytest.raises(ValueError, match="does not depend on the text"):
            replace(SMALL, pooling=pooling, bidirectional=bidirectional)
        return
    tokenizer = AutoTokenizer.from_pretrained(encoders["bert"]).backend_tokenizer
    encoder = RecurrentEncoder(
        tokenizer.get_vocab_size(), 8, 8, layers=layers, cell=cell, bidirectional=bidirectional, dropout=0.1
    )
    same_logits(
        Net(encoder, TextHead(encoder.width, {"logits": 2}, HeadOptions(0.1, pooling=pooling))), tokenizer, tmp_path
    )


@pytest.mark.slow
@pytest.mark.parametrize(("attention", "strongest", "convolution"), [(2, False, 0), (0, True, 0), (4, True, 5)])
def test_layers_above_a_recurrent_network_are_in_its_graph_and_read_no_padding(
    attention: int, strongest: bool, convolution: int, encoders: dict[str, Path], tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoders["bert"]).backend_tokenizer
    encoder = RecurrentEncoder(
        *(tokenizer.get_vocab_size(), 8, 8),
        layers=1,
        cell="gru",
        bidirectional=True,
        dropout=0.1,
        attention=attention,
        strongest=strongest,
        convolution=convolution,
    ).eval()
    ids = torch.tensor([[2, 5, 6, 0, 0], [2, 9, 8, 7, 6]])
    together = encoder(ids, (ids > 0).long())[0, :3]
    assert torch.allclose(together, encoder(ids[:1, :3], torch.ones(1, 3, dtype=torch.long))[0], atol=1e-5)
    same_logits(Net(encoder, TextHead(encoder.width, {"logits": 2}, HeadOptions(0.1))), tokenizer, tmp_path)


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="attention is 3, which doesn't divide the 16 values"):
        replace(SMALL, attention=3)
    with pytest.raises(ValueError, match="convolution is 4: give an odd number"):
        replace(SMALL, convolution=4)


def test_characters_are_tokens_with_their_places() -> None:
    tokenizer = learn_tokenizer(["小明 住在北京\n"], "char", 20)
    encoding = tokenizer.encode("小明 京")
    assert encoding.tokens == ["[CLS]", "小", "明", " ", "京"]
    assert encoding.offsets == [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)]
    assert tokenizer.encode("\n").tokens == ["[CLS]", "\n"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "rnn", "pooling": "mean"},
        {"cell": "gru", "pooling": "last"},
        {"cell": "gru", "pooling": "cls", "num_layers": 2},  # the first token knows the rest by the backward cell
        {"tokenizer": "bpe", "pooling": "max"},
        {"tokenizer": "char", "max_length": 48, "attention": 2, "strongest": True, "convolution": 3},
    ],
    ids=str,
)
def test_each_form_of_a_recurrent_network_learns(changes: dict[str, Any], tmp_path: Path) -> None:
    model = replace(SMALL, **changes, training=replace(QUICK, num_train_epochs=8, early_stopping_patience=8))
    made = fit(model, tmp_path)
    assert made.best["val_macro_f1"] > 0.7  # chance is 0.5
    pieces = Tokenizer.from_file(str(tmp_path / "files" / "tokenizer.json")).encode("lovely").tokens
    assert pieces == ["[CLS]", "lovely"] or changes.get("tokenizer") in ("bpe", "char")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_only_the_last_layers_move(name: str, encoders: dict[str, Path], tmp_path: Path) -> None:
    model = Transformer(encoder=str(encoders[name]), trainable=1, max_length=16, training=QUICK)
    fit(model, tmp_path)
    before = load_encoder(str(encoders[name]), None, None)[0].state_dict()
    after = load_file(tmp_path / "work" / "weights" / WEIGHTS)
    moved = {
        key for key, value in before.items() if not torch.equal(value.half(), after[f"encoder.model.{key}"].half())
    }
    assert moved
    assert all("layer.1." in key for key in moved)
    assert any("attention" in key for key in moved)


@pytest.mark.slow
def test_steps_added_up_are_as_larger_steps(plain: Fitted, tmp_path: Path) -> None:
    both = replace(QUICK, train_batch_size=8, gradient_accumulation_steps=2)
    made = fit(replace(SMALL, training=both), tmp_path)
    assert [row["step"] for row in made.history] == [row["step"] for row in plain.history] == [8, 16]
    for row, other in zip(made.history, plain.history, strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], abs=1e-3)
        assert row["val_loss"] == pytest.approx(other["val_loss"], abs=1e-3)


@pytest.mark.slow
def test_smoothed_labels_make_it_less_sure(tmp_path: Path) -> None:
    longer = replace(QUICK, num_train_epochs=6)
    sure, unsure = (tmp_path / name for name in ("sure", "unsure"))
    spread = []
    for folder, smoothing in ((sure, 0.0), (unsure, 0.4)):
        folder.mkdir()
        made = fit(replace(SMALL, training=replace(longer, label_smoothing=smoothing)), folder)
        spread.append(
            float(np.abs(load(folder / "files", made.candidates[0]).logits(rows("classify", 48, 1).texts)).mean())
        )
    assert spread[1] < 0.8 * spread[0]


@pytest.mark.slow
def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    still = replace(QUICK, learning_rate=1e-12, num_train_epochs=9, early_stopping_patience=2, evaluations_per_epoch=2)
    made = fit(replace(SMALL, training=still), tmp_path)
    assert [row["step"] for row in made.history] == [4, 8, 12]
    assert made.best == made.history[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHOLE)
def test_weights_of_labels_reach_the_loss(kind: str, tmp_path: Path) -> None:
    """With weights that stay as they are, the losses differ just by the labels' weights."""
    losses = []
    for weighed in (False, True):
        folder = tmp_path / str(weighed)
        folder.mkdir()
        still = replace(QUICK, learning_rate=1e-12, num_train_epochs=1, class_weights=weighed)
        losses.append(fit(replace(SMALL, training=still), folder, kind, 25).best["val_loss"])  # so few rows are uneven
    assert losses[0] != pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (torch.tensor([0, 0, 0, 1]), [4 / 6, 2.0]),
        (torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), [2.0, 2.0]),
        (torch.eye(401)[:, :1], [10.0]),
    ],
)
def test_rare_labels_weigh_more(targets: torch.Tensor, expected: list[float]) -> None:
    assert class_weights(targets).tolist() == pytest.approx(expected)
