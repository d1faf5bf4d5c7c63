"""A trained net as ONNX, in fp32 and in int8. Importing this imports torch."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from volant.bundle.runtime.onnx import TOKENIZER
from volant.bundle.runtime.reader import HEAD, Reader
from volant.models.neural.heads import Net
from volant.models.neural.quantisation import quantise, quantise_weights

FP32, INT8 = "model.onnx", "model-int8.onnx"
OPSET = 18
SAMPLE = 512  # training texts that int8's scales are taken from
SLOWER = ["SkipLayerNormFusion"]  # on a CPU, the fused operator takes longer than the two that it replaces


class _Logits(nn.Module):
    """The net as a function of two tensors to one, as ONNX wants it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.net(input_ids, attention_mask)["logits"]


def export(
    net: nn.Module,
    tokenizer: Tokenizer,
    max_length: int,
    folder: Path,
    texts: Sequence[str],
    truncation: str = HEAD,
) -> list[Mapping[str, Any]]:
    """Write tokenizer, fp32 and int8 graph into `folder`; returns a manifest's `runtime` for each, fp32 first.

    Args:
        net: What was trained.
        tokenizer: Its tokenizer.
        max_length: Tokens of a text that are read.
        folder: Where the files are written.
        texts: Training texts, from which an encoder's scales of int8 are taken.
        truncation: Which tokens of a longer text are read.
    """
    tokenizer.save(str(folder / TOKENIZER), pretty=False)
    model = getattr(net.encoder, "model", None) if isinstance(net, Net) else None
    if model is not None:
        model.set_attn_implementation("eager")  # the only form that is recognised and fused
    to_onnx(net, folder / FP32)
    if model is not None:
        fuse(folder / FP32, model.config)
        places: list[int] = np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int).tolist()
        some = [texts[place] for place in places]
        quantise(folder / FP32, folder / INT8, Reader(tokenizer, max_length, truncation).ids(some))
    else:
        quantise_weights(folder / FP32, folder / INT8)
    common = {"type": "onnx", "max_length": max_length, "pad_id": 0, "disabled_optimizers": SLOWER}
    if truncation != HEAD:
        common["truncation"] = truncation
    return [
        {**common, "precision": precision, "model": name, "files": [name, TOKENIZER]}
        for precision, name in (("fp32", FP32), ("int8", INT8))
    ]


def to_onnx(net: nn.Module, path: Path) -> None:
    """Export a net `(input_ids, attention_mask) -> {"logits"}` with free batch and length."""
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    axes = {0: "batch", 1: "length"}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # notes of the tracer on shapes that are constant here by design
        torch.onnx.export(
            _Logits(net).eval(),
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,  # the newer exporter unrolls recurrent layers over the length of the example
        )


def fuse(path: Path, config: Any) -> None:
    """Put one operator in place of each attention, for a lone text is slowed down by many small ones.

    What is not recognised (another architecture than BERT's) stays as it is. So do the others that could be fused:
    embeddings in one operator can't be quantised well, and a fused norm is slower.

    Source: https://onnxruntime.ai/docs/performance/transformers-optimization.html
    """
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.enable_embed_layer_norm = options.enable_skip_layer_norm = options.enable_bias_gelu = False
    heads, width = getattr(config, "num_attention_heads", 0), getattr(config, "hidden_size", 0)
    graph = optimize_model(
        str(path), model_type="bert", num_heads=heads, hidden_size=width, optimization_options=options, opt_level=0
    )
    graph.save_model_to_file(str(path))
