"""The int8 graph of an encoder: near fp32, smaller, and the same whoever shares the batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from volant.models.neural import quantisation
from volant.models.neural.quantisation import quantise

IDS = [list(map(int, np.random.default_rng(length).integers(5, 200, length))) for length in range(3, 24)]


def graphs(name: str, folder: Path, wide: float = 1.0) -> tuple[Path, Path]:
    """The fp32 and the int8 graph of a small encoder with random weights, one channel of its norms `wide` times."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models

    from volant.models.neural.encoders import TransformerEncoder
    from volant.models.neural.export import FP32, INT8, export
    from volant.models.neural.heads import HeadOptions, Net, TextHead

    torch.manual_seed(3)
    sizes: dict[str, Any] = {"vocab_size": 200, "max_position_embeddings": 40}
    if name == "DistilBert":
        sizes |= {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
    else:
        sizes |= {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    encoder = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**sizes))
    with torch.no_grad():
        for part in encoder.modules():
            if isinstance(part, torch.nn.LayerNorm):
                part.weight[7] *= wide
            elif isinstance(part, torch.nn.Linear):
                part.weight *= 4  # random ones are so small that all answers are alike
    net = Net(TransformerEncoder(encoder), TextHead(64, {"logits": 3}, HeadOptions(0.0, pooling="mean")))
    words = Tokenizer(models.WordLevel({str(i): i for i in range(200)}, unk_token="0"))
    export(net.eval(), words, 32, folder, ["1 2 3"])
    quantise(folder / FP32, folder / INT8, IDS[::2])  # it answers all of them
    return folder / FP32, folder / INT8


def answer(path: Path, batch: Sequence[Sequence[int]]) -> np.ndarray:
    from onnxruntime import InferenceSession

    width = max(map(len, batch))
    inputs = np.array([[*ids, *[0] * (width - len(ids))] for ids in batch])
    mask = np.array([[1] * len(ids) + [0] * (width - len(ids)) for ids in batch])
    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input_ids": inputs, "attention_mask": mask})[0])


def error(fp32: Path, int8: Path) -> float:
    """How far the int8 logits are from those in fp32, by their spread."""
    exact = answer(fp32, IDS)
    return float(np.abs(answer(int8, IDS) - exact).mean() / exact.std())


@pytest.mark.parametrize("name", ["Bert", "DistilBert", "Roberta", "Electra", "MPNet"])
def test_every_product_is_in_int8_and_answers_as_before(name: str, tmp_path: Path) -> None:
    fp32, int8 = graphs(name, tmp_path)
    operators = [node.op_type for node in onnx.load(int8).graph.node]
    assert operators.count("MatMulIntegerToFloat") + 3 * operators.count("QAttention") >= 12
    assert "DynamicQuantizeLinear" not in operators
    assert "FastGelu" in operators
    assert "Gelu" not in operators
    assert int8.stat().st_size < 0.5 * fp32.stat().st_size  # of a real one 0.25: here names of nodes weigh
    assert error(fp32, int8) < 0.1
    alone = np.vstack([answer(int8, [ids]) for ids in IDS])
    assert np.abs(alone - answer(int8, IDS)).max() < 1e-3


def test_a_wide_channel_does_not_cost_the_others_their_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # so wide that it matters, and no wider: narrowing widens weights, which have seven bits
    fp32, int8 = graphs("Bert", tmp_path, wide=30.0)
    narrowed = error(fp32, int8)
    monkeypatch.setattr(quantisation, "smoothing", lambda _, matrix: np.ones(len(matrix), dtype=np.float32))
    quantise(fp32, int8, IDS[::2])
    assert narrowed < error(fp32, int8) / 2


@pytest.mark.parametrize("name", ["Bert", "DistilBert"])
def test_no_sum_of_two_products_overflows_where_a_cpu_adds_them_in_16_bits(name: str, tmp_path: Path) -> None:
    graph = onnx.load(graphs(name, tmp_path)[1]).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type in ("MatMulIntegerToFloat", "QAttention")]
    assert len(products) >= 8
    greatest = np.iinfo(np.uint8).max  # of a value, also of one beyond the range that training texts have
    for node in products:
        weights = constants[node.input[1]].astype(int)
        assert 2 * greatest * np.abs(weights).max() <= np.iinfo(np.int16).max


def test_a_recurrent_graph_does_not_overflow_either(tmp_path: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models

    from volant.models.neural.encoders import RecurrentEncoder
    from volant.models.neural.export import INT8, export
    from volant.models.neural.heads import HeadOptions, Net, TextHead

    torch.manual_seed(3)
    encoder = RecurrentEncoder(200, 16, 16, layers=1, cell="lstm", bidirectional=True, dropout=0.0)
    words = Tokenizer(models.WordLevel({str(i): i for i in range(200)}, unk_token="0"))
    export(
        Net(encoder, TextHead(32, {"logits": 3}, HeadOptions(0.0, pooling="max"))).eval(),
        words,
        32,
        tmp_path,
        ["1 2 3"],
    )
    graph = onnx.load(tmp_path / INT8).graph
    eight = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer if t.data_type == onnx.TensorProto.INT8}
    multiplied = [
        eight[name] for node in graph.node if node.op_type != "Gather" for name in node.input if name in eight
    ]
    assert len([weights for weights in multiplied if weights.size > 1 and weights.any()]) >= 4
    for weights in multiplied:
        assert 2 * 255 * np.abs(weights.astype(int)).max(initial=0) <= np.iinfo(np.int16).max
