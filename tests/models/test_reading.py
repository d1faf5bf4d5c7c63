"""Texts that are longer than what a model reads: how much is cut is said, and training and bundle read the same."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from support.texts import reviews
from support.tiny import TINY, flywheel
from volant.bundle.runtime import load
from volant.bundle.runtime.reader import Reader
from volant.stages.train import Trained, cut_texts, report, train
from volant.workspace.files import write_table

WORDS = "the film was lovely and the cast was dull"


@pytest.fixture
def tokenizer(tiny_encoder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))


def test_both_ends_keep_what_the_tokenizer_adds(tokenizer: Tokenizer) -> None:
    whole = Reader(tokenizer, 100, "head").ids([WORDS])[0]
    assert Reader(tokenizer, 6, "head").ids([WORDS])[0] == [*whole[:5], whole[-1]]
    assert Reader(tokenizer, 6, "head_tail").ids([WORDS])[0] == [*whole[:3], *whole[-3:]]
    assert Reader(tokenizer, 7, "head_tail").ids([WORDS, "lovely"]) == [[*whole[:4], *whole[-3:]], [2, whole[4], 3]]


@pytest.mark.parametrize("truncation", ["head", "head_tail"])
def test_what_is_cut_is_counted_without_what_the_tokenizer_adds(tokenizer: Tokenizer, truncation: str) -> None:
    reader = Reader(tokenizer, 6, truncation)
    texts = [WORDS, "the film was lovely", ""]
    ids, shares = reader.measured(texts)
    assert ids == reader.ids(texts)
    assert shares == {"texts_cut": round(1 / 3, 4), "tokens_read": round(8 / 13, 4)}
    assert reader.measured([])[1] == {"texts_cut": 0.0, "tokens_read": 1.0}


def long_rows(count: int, seed: int) -> pa.Table:
    """Reviews whose verdict comes last."""
    table = reviews(count, seed)
    verdicts = [re.sub(r" n\d+.*", "", text) for text in table["text"].to_pylist()]
    texts = [f"{'the film was seen . ' * 4}{verdict}" for verdict in verdicts]
    return table.set_column(table.column_names.index("text"), "text", pa.array(texts))


def made(family: str, truncation: str, tiny_encoder: Path, folder: Path) -> Trained:
    for seed, (split, rows) in enumerate({"train": 80, "validation": 40}.items()):
        write_table(long_rows(rows, seed), folder / "data" / f"{split}.parquet")
    model = {**TINY[family], "max_length": 16, "truncation": truncation}
    model |= {"encoder": str(tiny_encoder)} if family == "transformer" else {}
    return train("long", flywheel("classify", model), folder / "data", folder / truncation, folder / "work")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["recurrent", "transformer"])
def test_the_end_is_read_where_it_is_asked_for_and_cuts_are_said(
    family: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    head, both = (made(family, truncation, tiny_encoder, tmp_path) for truncation in ("head", "head_tail"))
    assert both.validation["accuracy"] > max(0.7, head.validation["accuracy"])
    for trained, kept in ((head, "first"), (both, "first and last")):
        said = report(trained)
        assert said["train_texts_cut"] == said["validation_texts_cut"] == 1.0
        assert 0.3 < said["train_tokens_read"] < 0.9
        assert f"the {kept} 16 tokens of a text" in (trained.bundle.folder / "README.md").read_text()
        assert "100.0% of the train texts have more than 16 tokens" in str(cut_texts(trained))


@pytest.mark.slow
def test_a_bundle_reads_as_training_did(tiny_encoder: Path, tmp_path: Path) -> None:
    """What the bundle answers to a long text is what it answers to the tokens that are kept of it."""
    bundle = made("transformer", "head_tail", tiny_encoder, tmp_path).bundle
    text = long_rows(1, 9)["text"].to_pylist()[0]
    tokens = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json")).encode(text).tokens[1:-1]
    short = " ".join([*tokens[:7], *tokens[-7:]])
    assert np.allclose(bundle.runtime.logits([text]), bundle.runtime.logits([short]), atol=1e-6)
    assert json.loads((bundle.folder / "manifest.json").read_text())["runtime"]["truncation"] == "head_tail"
    older = {name: value for name, value in bundle.manifest["runtime"].items() if name != "truncation"}
    assert not np.allclose(load(bundle.folder, older).logits([text]), bundle.runtime.logits([text]), atol=1e-6)


def test_texts_that_are_not_cut_need_no_word(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "validation")):
        write_table(reviews(40, seed), tmp_path / f"{split}.parquet")
    trained = train("short", flywheel("classify", TINY["linear"]), tmp_path, tmp_path / "b", tmp_path / "work")
    assert cut_texts(trained) is None
    assert "texts_cut" not in json.dumps(report(trained))
