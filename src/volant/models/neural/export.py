"""Export of a trained net to ONNX, in fp32 and in int8. Importing this imports torch."""

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
from volant.kinds.outputs import LENGTH, LOGITS
from volant.models.neural.heads import Net
from volant.models.neural.quantisation import quantise, quantise_weights

FP32 = "model.onnx"
INT8 = "model-int8.onnx"
OPSET = 18
SAMPLE = 512  # number of training texts for the int8 scales
SLOWER = ["SkipLayerNormFusion"]  # on a CPU, the fused operator is slower than the two that it replaces


class _Outputs(nn.Module):
    """The net as a function of two tensors to its outputs in order, which the ONNX export needs."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.net(input_ids, attention_mask).values())


def export(
    net: nn.Module,
    tokenizer: Tokenizer,
    max_length: int,
    folder: Path,
    texts: Sequence[str],
    truncation: str = HEAD,
) -> list[Mapping[str, Any]]:
    """Write tokenizer, fp32 and int8 graph into `folder`; return a manifest's `runtime` for each, fp32 first.

    Args:
        net: Trained net.
        tokenizer: Its tokenizer.
        max_length: Largest number of tokens read of a text.
        folder: Folder of the files.
        texts: Training texts, from which the int8 scales of an encoder are computed.
        truncation: Tokens read of a longer text: `head` or `head_tail`.
    """
    tokenizer.save(str(folder / TOKENIZER), pretty=False)
    model = getattr(net.encoder, "model", None) if isinstance(net, Net) else None
    if model is not None:
        model.set_attn_implementation("eager")  # the only form that the optimizer recognises and fuses
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
    """Export a net `(input_ids, attention_mask) -> outputs by name` with dynamic batch and length."""
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    axes = {0: "batch", 1: LENGTH}
    outputs = net.head.axes if isinstance(net, Net) else {LOGITS: {0: "batch"}}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer warns of shapes that are constant here by design
        torch.onnx.export(
            _Outputs(net).eval(),
            (ids, mask),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=list(outputs),
            dynamic_axes={"input_ids": axes, "attention_mask": axes, **outputs},
            opset_version=OPSET,
            dynamo=False,  # the newer exporter unrolls recurrent layers to the length of the example
        )


def fuse(path: Path, config: Any) -> None:
    """Replace each attention by one operator, since many small ones slow down a single text.

    Architectures other than BERT's stay unchanged. Other fusions are off: fused embeddings can't be quantised well, and
    a fused norm is slower.

    Source: https://onnxruntime.ai/docs/performance/transformers-optimization.html
    """
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.enable_embed_layer_norm = options.enable_skip_layer_norm = options.enable_bias_gelu = False
    heads = getattr(config, "num_attention_heads", 0)
    width = getattr(config, "hidden_size", 0)
    graph = optimize_model(
        str(path), model_type="bert", num_heads=heads, hidden_size=width, optimization_options=options, opt_level=0
    )
    graph.save_model_to_file(str(path))
