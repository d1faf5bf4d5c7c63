"""Tiny models of every family, trained once."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.kinds import ROWS
from support.shared import once
from volant import config
from volant.config import Flywheel
from volant.stages.train import Trained, train
from volant.workspace.files import write_table

TINY_TRAINING = {"num_train_epochs": 4, "train_batch_size": 16, "learning_rate": 0.01, "progress": False}
TINY: dict[str, dict[str, Any]] = {
    "linear": {"_target_": "volant.models.linear.Linear", "family": "linear", "char_ngrams": [2, 3]},
    "recurrent": {
        "_target_": "volant.models.recurrent.Recurrent",
        "family": "recurrent",
        "tokenizer": "word",
        "vocabulary_size": 500,
        "embedding_size": 16,
        "hidden_size": 12,
        "max_length": 24,
        "training": {**TINY_TRAINING, "num_train_epochs": 12, "learning_rate": 0.02},
    },
    "transformer": {
        "_target_": "volant.models.transformer.Transformer",
        "family": "transformer",
        "max_length": 24,
        "training": TINY_TRAINING,
    },
}


def flywheel(kind: str, model: dict[str, Any], **changes: Any) -> Flywheel:
    tree = {
        "kind": kind,
        "description": "made up",
        "source": {},
        "cleaning": ["html", "whitespace", "lower"],
        "model": model,
        "metric": "macro_f1",
        "seed": 5,
    }
    return config.validate(Flywheel, {**tree, **changes}, "flywheel")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers and 32 units with random weights and a vocabulary of the made-up words, in a folder."""
    return once(tmp_path_factory, "encoder", make_encoder)


@pytest.fixture(scope="session")
def parts_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the words of the rows of every kind."""
    return once(tmp_path_factory, "parts-encoder", partial(make_encoder, kinds=tuple(ROWS)))


def make_encoder(folder: Path, kinds: Sequence[str] = ("classify", "multilabel")) -> None:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted(
        {w for kind in kinds for t in ROWS[kind](300)["text"].to_pylist() for w in t.strip(".").split() if w[0] != "n"}
    )
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(0)
    bert = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    BertModel(bert).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clean splits on disk, by kind."""
    folders = {}
    for kind, make in ROWS.items():
        folders[kind] = tmp_path_factory.mktemp(kind)
        for seed, (split, count) in enumerate({"train": 240, "validation": 80, "test": 80}.items()):
            write_table(make(count, seed), folders[kind] / f"{split}.parquet")
    return folders


@pytest.fixture(scope="session")
def trained(
    data: dict[str, Path], tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Trained]:
    """A trained flywheel of a kind and family; the same one for every test that asks for it."""
    made: dict[tuple[str, str], Trained] = {}

    def get(kind: str, family: str) -> Trained:
        if (kind, family) not in made:
            model = {**TINY[family], **({"encoder": str(tiny_encoder)} if family == "transformer" else {})}
            folder = tmp_path_factory.mktemp(f"{kind}-{family}")
            made[kind, family] = train("made-up", flywheel(kind, model), data[kind], folder / "bundle", folder / "work")
        return made[kind, family]

    return get
