"""An encoder's graph in int8, with scales that are fixed once: a text's answer doesn't depend on its neighbours.

ONNX Runtime's dynamic quantisation takes one scale from all that is computed together, so that an answer moves with
the texts that happen to share a batch. Here scales come from training texts. Importing this needs `onnx`, not torch.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

# Share of a channel's range that moves into the weights. Of 0.3 to 1, tried on two models, 0.7 to 1 are near to fp32.
SMOOTHING = 0.9
# Of values, 8 bits; of weights 7, so that the sum of two products fits the 16 bits in which CPUs without VNNI add them
# (255 x 63 x 2 < 32,768): none overflows, and two CPUs answer alike. Seven bits of values and eight of weights would
# fit as well, and are further from fp32. A value beyond the range that training texts have is cut off; on texts of
# another kind (tweets, IMDb) that moves no more answers than room for twice the range, with seven bits left for it.
LEVELS = 255
WEIGHTS = 63
MICROSOFT = "com.microsoft"
Range = tuple[np.ndarray, np.ndarray]


class Rounded(NamedTuple):
    """A tensor in 8 bits: names of its values, scale and zero; what its channels were divided by; how it is made."""

    name: str
    scale: str
    zero: str
    factors: np.ndarray
    nodes: tuple[NodeProto, ...]


def quantise(source: Path, target: Path, texts: Sequence[Sequence[int]]) -> None:
    """Write a graph whose products with constant weights, and whose embeddings, are in 8 bits or less.

    Wide channels are narrowed before they are rounded, and their weights widened, which is the same product.

    Source: https://arxiv.org/abs/2211.10438 (SmoothQuant)

    Args:
        source: The graph `(input_ids, attention_mask) -> logits` in fp32.
        target: Where the other is written.
        texts: Token ids of training texts, of which the ranges are taken.
    """
    quantise_weights(source, target, ["Gather"])
    model = onnx.load(target)
    graph = model.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = {node.output[0]: node for node in graph.node if _is_product(node, weights)}
    biases = {name: add for name in products if (add := _bias(graph, name, weights))}
    matrices: dict[str, list[np.ndarray]] = {}
    for node in products.values():
        matrices.setdefault(node.input[0], []).append(weights[node.input[1]])
    ranges = observe(source, list(matrices), texts)
    rounded = {name: _round(graph, name, ranges[name], np.hstack(found)) for name, found in matrices.items()}
    int8 = {
        name: _product(graph, node, biases.get(name), rounded[node.input[0]], weights[node.input[1]])
        for name, node in products.items()
    }
    folded = {add.output[0] for add in biases.values()}
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Gelu":  # by tanh: in two thirds of the time, off by 5e-4 at most, which 8 bits hide
            node.op_type, node.domain = "FastGelu", MICROSOFT
            del node.attribute[:]
        if node.output[0] not in folded:
            nodes.append(int8.get(node.output[0], node))
            nodes += rounded[nodes[-1].output[0]].nodes if nodes[-1].output[0] in rounded else ()
    _replace(model, nodes)
    onnx.save(model, target)


def observe(source: Path, names: Sequence[str], texts: Sequence[Sequence[int]]) -> dict[str, Range]:
    """The least and greatest value of each channel of inner tensors, over texts."""
    import onnxruntime

    model = onnx.load(source)
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: dict[str, Range] = {}
    for ids in texts:
        inputs = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
        for name, value in zip(names, session.run(list(names), inputs), strict=True):
            rows = np.asarray(value).reshape(-1, np.asarray(value).shape[-1])
            low, high = found.get(name, (np.zeros(rows.shape[1]), np.zeros(rows.shape[1])))
            found[name] = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    return found


def smoothing(bounds: Range, matrix: np.ndarray) -> np.ndarray:
    """What each channel (K) is divided by, and its row of the weights (K, N) multiplied with; about 1.

    Example:
        >>> [round(float(x), 2) for x in smoothing((np.zeros(2), np.array([1.0, 32.0])), np.ones((2, 3)))]
        [0.21, 4.76]
    """
    wide = np.maximum(np.maximum(-bounds[0], bounds[1]), 1e-5) ** SMOOTHING
    factors = wide / np.maximum(np.abs(matrix).max(axis=1), 1e-5) ** (1 - SMOOTHING)
    return (factors / np.exp(np.log(factors).mean())).astype(np.float32)


def quantise_weights(source: Path, target: Path, operators: Sequence[str] | None = None) -> None:
    """Write a graph whose weights are in int8, and whose activations are rounded as they come.

    Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html

    Args:
        source: The graph in fp32.
        target: Where the other is written.
        operators: Types of operators to look at; none stands for all that can be.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # its advice to preprocess first, which changed no figure here
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(operators) if operators else None,
            per_channel=True,
            reduce_range=not operators,  # of products, as below; an embedding is never multiplied in 8 bits
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # of what the fused operators give
        )
    finally:
        logging.disable(logging.NOTSET)


def _is_product(node: NodeProto, weights: Mapping[str, np.ndarray]) -> bool:
    if node.op_type not in ("MatMul", "Attention") or node.input[1] not in weights:
        return False
    # the int8 form of attention has neither values of another width nor a bias of positions
    plain = not any(node.input[4:]) and all(attribute.name != "qkv_hidden_sizes" for attribute in node.attribute)
    return weights[node.input[1]].ndim == 2 and (node.op_type == "MatMul" or plain)


def _bias(graph: Any, product: str, weights: Mapping[str, np.ndarray]) -> NodeProto | None:
    """The node that adds a constant vector to a product, if that is all that is done with it."""
    users = [node for node in graph.node if product in node.input]
    vectors = [name for node in users for name in node.input if name in weights and weights[name].ndim == 1]
    return users[0] if len(users) == 1 and users[0].op_type == "Add" and vectors else None


def _round(graph: Any, name: str, bounds: Range, matrix: np.ndarray) -> Rounded:
    """Narrow and round a tensor that is multiplied with a matrix (K, N)."""
    factors = smoothing(bounds, matrix)
    low, high = min(0.0, float((bounds[0] / factors).min())), max(0.0, float((bounds[1] / factors).max()))
    step = max(high - low, 1e-8) / LEVELS
    narrow = _constant(graph, f"{name}_narrow", 1 / factors)
    scale = _constant(graph, f"{name}_scale", np.array(step, dtype=np.float32))
    zero = _constant(graph, f"{name}_zero", np.array(round(-low / step), dtype=np.uint8))
    nodes = (
        helper.make_node("Mul", [name, narrow], [f"{name}_narrowed"]),
        helper.make_node("QuantizeLinear", [f"{name}_narrowed", scale, zero], [f"{name}_rounded"]),
    )
    return Rounded(f"{name}_rounded", scale, zero, factors, nodes)


def _product(graph: Any, node: NodeProto, bias: NodeProto | None, value: Rounded, matrix: np.ndarray) -> NodeProto:
    """The product in int8, with one scale a column of the weights."""
    wide = matrix * value.factors[:, None]
    scales = np.maximum(np.abs(wide).max(axis=0), 1e-8).astype(np.float32) / WEIGHTS
    weight = _constant(graph, f"{node.output[0]}_int8", np.rint(wide / scales).astype(np.int8))
    columns = _constant(graph, f"{node.output[0]}_scales", scales)
    if node.op_type == "MatMul":
        added = [name for name in bias.input if name != node.output[0]] if bias else []
        inputs = [value.name, weight, value.scale, columns, value.zero, "", *added]
        return helper.make_node("MatMulIntegerToFloat", inputs, (bias or node).output, domain=MICROSOFT)
    mask = node.input[3] if len(node.input) > 3 else ""
    inputs = [value.name, weight, node.input[2], value.scale, columns, mask, value.zero]
    made = helper.make_node("QAttention", inputs, node.output, domain=MICROSOFT)
    made.attribute.extend(node.attribute)
    return made


def _constant(graph: Any, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _replace(model: Any, nodes: Sequence[NodeProto]) -> None:
    """Give a graph other nodes, and take out the constants that none of them reads."""
    graph = model.graph
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    if MICROSOFT not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
