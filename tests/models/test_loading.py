"""Encoders as the hub has them: stored in half precision, with positions that are kept free, with a pooler."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from support.texts import reviews
from support.tiny import TINY, flywheel
from volant.models.fine_tuning import load_encoder, positions
from volant.stages.train import train

SMALL = {"embedding_size": 16, "vocab_size": 200, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def encoder(kind: str, tiny_encoder: Path, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """A tiny encoder of another architecture with the made-up words' tokenizer, 34 places long."""
    config = AutoConfig.for_model(kind, **SMALL, intermediate_size=32, max_position_embeddings=34)
    AutoModel.from_config(config).to(dtype).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("trainable", ["all", "head"])
def test_what_is_stored_in_half_precision_is_trained(
    data: dict[str, Path], tiny_encoder: Path, tmp_path: Path, dtype: torch.dtype, trainable: str
) -> None:
    model = {**TINY["transformer"], "encoder": str(encoder("bert", tiny_encoder, tmp_path / "encoder", dtype))}
    model |= {"trainable": trainable, "training": {**model["training"], "bf16": False}}
    done = train("made-up", flywheel("classify", model), data["classify"], tmp_path / "bundle", tmp_path / "work")
    assert done.validation["macro_f1"] > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["roberta", "mpnet"])
def test_a_text_as_long_as_there_are_places_is_read(
    data: dict[str, Path], tiny_encoder: Path, tmp_path: Path, kind: str
) -> None:
    folder = encoder(kind, tiny_encoder, tmp_path / "encoder")
    assert positions(load_encoder(str(folder), None, None)[0]) == 32
    model = {**TINY["transformer"], "encoder": str(folder), "max_length": 512}
    done = train("made-up", flywheel("classify", model), data["classify"], tmp_path / "bundle", tmp_path / "work")
    texts = [text * 30 for text in reviews(3)["text"].to_pylist()]
    assert np.isfinite(done.bundle.probabilities(texts)).all()
    assert done.bundle.manifest["runtime"]["max_length"] == 32


def test_places_are_all_there_is_where_none_is_kept_free(tiny_encoder: Path) -> None:
    assert positions(load_encoder(str(tiny_encoder), None, None)[0]) == 32


@pytest.mark.parametrize("kind", ["albert", "bert", "camembert", "mpnet", "xlm-roberta"])
def test_what_nothing_reads_is_not_trained(kind: str, tiny_encoder: Path, tmp_path: Path) -> None:
    """Torchrun's processes wait for gradients of every parameter."""
    model, _ = load_encoder(str(encoder(kind, tiny_encoder, tmp_path)), None, None)
    ids = torch.tensor([[2, 5, 3]])
    model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.sum().backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
