"""An encoder's graph in int8 with static scales: the prediction of a text doesn't depend on its batch.

ONNX Runtime's dynamic quantisation takes one scale from the whole batch, so that a prediction changes with the other
texts in it. Here scales come from training texts. Importing this needs `onnx`, not torch.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

# Share of a channel's range that moves into the weights. Of 0.3 to 1, tried on two models, 0.7 to 1 are near fp32.
SMOOTHING = 0.9
# Values have 8 bits, weights 7, so that the sum of two products fits the 16 bits in which CPUs without VNNI add them
# (255 x 63 x 2 < 32,768): none overflows, and all CPUs agree. Seven bits of values and eight of weights would
# fit as well, but are further from fp32. A value beyond the range of the training texts is clipped; on texts of
# another domain (tweets, IMDb) that changes no more predictions than twice the range at seven bits.
LEVELS = 255
WEIGHTS = 63
MICROSOFT = "com.microsoft"
Range = tuple[np.ndarray, np.ndarray]


class Rounded(NamedTuple):
    """A tensor in 8 bits: names of its values, scale and zero; divisors of its channels; the nodes that compute it."""

    name: str
    scale: str
    zero: str
    factors: np.ndarray
    nodes: tuple[NodeProto, ...]


def quantise(source: Path, target: Path, texts: Sequence[Sequence[int]]) -> None:
    """Write a graph whose products with constant weights, and whose embeddings, are in 8 bits or less.

    Wide channels are narrowed before rounding, and their weights widened, which gives the same product.

    Source: https://arxiv.org/abs/2211.10438 (SmoothQuant)

    Args:
        source: The graph `(input_ids, attention_mask) -> logits` in fp32.
        target: Path of the quantised graph.
        texts: Token ids of training texts, from which the ranges are computed.
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
    rounded = {name: _round(graph, name, ranges[name], np.hstack(group)) for name, group in matrices.items()}
    int8 = {
        name: _product(graph, node, biases.get(name), rounded[node.input[0]], weights[node.input[1]])
        for name, node in products.items()
    }
    folded = {add.output[0] for add in biases.values()}
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Gelu":  # by tanh: in two thirds of the time; error at most 5e-4, below 8 bits
            node.op_type = "FastGelu"
            node.domain = MICROSOFT
            del node.attribute[:]
        if node.output[0] not in folded:
            nodes.append(int8.get(node.output[0], node))
            nodes += rounded[nodes[-1].output[0]].nodes if nodes[-1].output[0] in rounded else ()
    _replace(model, nodes)
    onnx.save(model, target)


def observe(source: Path, names: Sequence[str], texts: Sequence[Sequence[int]]) -> dict[str, Range]:
    """Return the smallest and largest value of each channel of inner tensors, over texts.

    Args:
        source: The graph in fp32.
        names: Names of the tensors.
        texts: Token ids of each text.
    """
    import onnxruntime

    model = onnx.load(source)
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ranges: dict[str, Range] = {}
    for ids in texts:
        inputs = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
        for name, value in zip(names, session.run(list(names), inputs), strict=True):
            rows = np.asarray(value).reshape(-1, np.asarray(value).shape[-1])
            low, high = ranges.get(name, (np.zeros(rows.shape[1]), np.zeros(rows.shape[1])))
            ranges[name] = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    return ranges


def smoothing(bounds: Range, matrix: np.ndarray) -> np.ndarray:
    """Return the divisor of each channel (K,), which multiplies its row of the weights (K, N); about 1.

    Example:
        >>> [round(float(x), 2) for x in smoothing((np.zeros(2), np.array([1.0, 32.0])), np.ones((2, 3)))]
        [0.21, 4.76]
    """
    wide = np.maximum(np.maximum(-bounds[0], bounds[1]), 1e-5) ** SMOOTHING
    factors = wide / np.maximum(np.abs(matrix).max(axis=1), 1e-5) ** (1 - SMOOTHING)
    return (factors / np.exp(np.log(factors).mean())).astype(np.float32)


def quantise_weights(source: Path, target: Path, operators: Sequence[str] | None = None) -> None:
    """Write a graph whose weights are in int8, and whose activations are quantised dynamically.

    Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html

    Args:
        source: The graph in fp32.
        target: Path of the quantised graph.
        operators: Types of operators to quantise; None for all supported.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it advises to preprocess first, which changed no figure here
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(operators) if operators else None,
            per_channel=True,
            reduce_range=not operators,  # of products, as below; an embedding is never multiplied in 8 bits
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # of the fused operators' outputs
        )
    finally:
        logging.disable(logging.NOTSET)


def _is_product(node: NodeProto, weights: Mapping[str, np.ndarray]) -> bool:
    if node.op_type not in ("MatMul", "Attention") or node.input[1] not in weights:
        return False
    # the int8 form of attention supports neither values of another width nor a position bias
    plain = not any(node.input[4:]) and all(attribute.name != "qkv_hidden_sizes" for attribute in node.attribute)
    return weights[node.input[1]].ndim == 2 and (node.op_type == "MatMul" or plain)


def _bias(graph: Any, product: str, weights: Mapping[str, np.ndarray]) -> NodeProto | None:
    """Return the node that adds a constant vector to a product, if nothing else uses the product."""
    users = [node for node in graph.node if product in node.input]
    vectors = [name for node in users for name in node.input if name in weights and weights[name].ndim == 1]
    return users[0] if len(users) == 1 and users[0].op_type == "Add" and vectors else None


def _round(graph: Any, name: str, bounds: Range, matrix: np.ndarray) -> Rounded:
    """Narrow and round a tensor that is multiplied with a matrix (K, N)."""
    factors = smoothing(bounds, matrix)
    low = min(0.0, float((bounds[0] / factors).min()))
    high = max(0.0, float((bounds[1] / factors).max()))
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
    """Return the product in int8, with one scale per column of the weights."""
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
    attention = helper.make_node("QAttention", inputs, node.output, domain=MICROSOFT)
    attention.attribute.extend(node.attribute)
    return attention


def _constant(graph: Any, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _replace(model: Any, nodes: Sequence[NodeProto]) -> None:
    """Replace the nodes of a graph, and remove the constants that none of them reads."""
    graph = model.graph
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    if MICROSOFT not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
