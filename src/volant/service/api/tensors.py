"""Tensors of the Open Inference Protocol v2: texts in, labels and scores out, as JSON or in the binary extension.

See https://github.com/kserve/open-inference-protocol and Triton's `extension_binary_data.md`. The first
`Inference-Header-Content-Length` bytes of a body are JSON. The rest holds the tensors that have a `binary_data_size`,
in order. Each element of a BYTES tensor is preceded by its length (4 bytes, little-endian).
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import orjson
from pydantic import BaseModel, FailFast, Field, ValidationError

from volant.bundle.bundle import Bundle
from volant.kinds.answers import row
from volant.kinds.contract import Cell
from volant.service.api.schemas import explain
from volant.service.errors import RefusedError
from volant.service.telemetry.sinks import Reply

INPUT = "text"
DIMENSIONS = 8  # maximum number
DIGITS = 20  # maximum length of a size; Python's int() refuses thousands of digits


class Tensor(BaseModel):
    """A tensor with its elements in `data`, or after the JSON if `binary_data_size` gives their bytes."""

    name: Annotated[str, Field(examples=["text"])]
    datatype: Annotated[str, Field(examples=["BYTES"])]
    shape: Annotated[list[int], FailFast(), Field(max_length=DIMENSIONS, examples=[[1]])]
    data: Annotated[list[Any] | None, Field(examples=[["A fine film."]])] = None
    parameters: dict[str, Any] | None = None


class RequestedOutput(BaseModel):
    """A requested output."""

    name: Annotated[str, Field(examples=["label"])]
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """One tensor of texts."""

    inputs: Annotated[list[Tensor], FailFast(), Field(min_length=1, max_length=1)]
    outputs: list[RequestedOutput] | None = None
    id: str | None = None
    parameters: dict[str, Any] | None = None


class InferResponse(BaseModel):
    """A tensor for each output."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[Tensor]


@dataclass(frozen=True)
class ParsedRequest:
    """A parsed request: its texts, and the request with the outputs to return."""

    texts: list[str]
    request: InferRequest

    def outputs(self, available: Sequence[str]) -> dict[str, bool]:
        """Return the requested outputs, each once, with True if it is returned as binary data.

        Args:
            available: Outputs of the model; all of them are returned if none is requested.
        """
        all_binary = bool((self.request.parameters or {}).get("binary_data_output"))
        names: dict[str, bool] = {}
        for output in self.request.outputs or []:
            names.setdefault(output.name, bool((output.parameters or {}).get("binary_data", all_binary)))
        return names or dict.fromkeys(available, all_binary)


def parse(body: bytes, header: str | None, most: int) -> ParsedRequest:
    """Return the request in a body.

    Args:
        body: Raw body; its JSON part has been screened (see `bodies`).
        header: Value of `Inference-Header-Content-Length`, if sent.
        most: Maximum number of texts; parsing stops at one more, which is refused elsewhere.

    Raises:
        RefusedError: 422 if the body isn't one tensor of texts.
    """
    digits = header is None or (header.isascii() and header.isdigit() and len(header) < DIGITS)
    if not digits or int(header or 0) > len(body):
        raise RefusedError("Inference-Header-Content-Length is not a valid length (exceeds the body).")
    length = int(header) if header is not None else len(body)
    try:
        request = InferRequest.model_validate_json(body[:length])
    except ValidationError as error:
        raise RefusedError(explain(error.errors(include_input=False, include_url=False))) from error
    tensor = request.inputs[0]
    if (tensor.name, tensor.datatype) != (INPUT, "BYTES"):
        raise RefusedError(f"The input must have the name '{INPUT}' and the datatype BYTES.")
    size = (tensor.parameters or {}).get("binary_data_size")
    texts = _flat(tensor.data) if size is None else _unpack(body[length:], size, most)
    if len(texts) <= most and not _fits(tensor.shape, len(texts)):
        raise RefusedError(f"shape {tensor.shape[:4]} doesn't match the {len(texts)} texts of the tensor.")
    if not texts:
        raise RefusedError("The tensor is empty. Send at least one text.")
    return ParsedRequest(texts, request)


def outputs(bundle: Bundle) -> list[dict[str, Any]]:
    """Return the metadata of a model's outputs; -1 in a shape is the number of texts (N)."""
    count = len(bundle.labels)
    parts = [(name, "BYTES", [-1]) for name in bundle.kind.columns]
    columns = [*parts, ("score", "FP32", [-1]), ("scores", "FP32", [-1, count]), ("id", "BYTES", [-1])]
    return [{"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in columns]


def render(parsed: ParsedRequest, reply: Reply) -> tuple[bytes, int | None]:
    """Return the body of the response, and the number of bytes of its JSON if binary tensors follow.

    Raises:
        RefusedError: 422 if a requested output doesn't exist.
    """
    metadata = {output["name"]: output for output in outputs(reply.bundle)}
    names = parsed.outputs(list(metadata))
    if unknown := [name for name in names if name not in metadata]:
        raise RefusedError(f"There is no output '{unknown[0][:100]}'. Allowed: {', '.join(metadata)}.")
    entries = []
    tail = []
    rows = len(reply.texts)
    for name, binary in names.items():
        values = _values(name, reply)
        entry = {**metadata[name], "shape": [rows, *metadata[name]["shape"][1:]]}
        if binary:
            packed = _pack(values, entry["datatype"])
            tail.append(packed)
            entry["parameters"] = {"binary_data_size": len(packed)}
        else:
            entry["data"] = values
        entries.append(entry)
    tree = {"model_name": reply.model, "model_version": reply.version, "outputs": entries}
    head = orjson.dumps(tree | ({"id": parsed.request.id} if parsed.request.id else {}))
    return b"".join([head, *tail]), len(head) if tail else None


def _values(name: str, reply: Reply) -> list[Any]:
    """Return the elements of an output in row-major order: N, or N x L for `scores`."""
    bundle = reply.bundle
    if name == "id":
        return list(reply.ids)
    if name in bundle.kind.columns:
        return [_text(row(bundle.kind, annotation)[name]) for annotation in reply.annotations]
    if name == "score":
        return [event.score for event in reply.events()]
    values = []
    for annotation in reply.annotations:
        values += [float(annotation.scores[label]) for label in bundle.labels]
    return values


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else orjson.dumps(cell).decode()


def _fits(shape: Sequence[int], texts: int) -> bool:
    """Return True if a shape has this number of elements; no dimension may exceed it, so the product stays small."""
    return all(0 <= side <= texts for side in shape) and math.prod(shape) == texts


def _flat(data: Any) -> list[str]:
    """Return the elements in row-major order, at any depth of nesting.

    Raises:
        RefusedError: 422 if an element is not a text.
    """
    texts: list[str] = []
    for element in data or []:
        if isinstance(element, str):
            texts.append(element)
        elif isinstance(element, list):
            texts += _flat(element)
        else:
            raise RefusedError("data: each element must be a text.")
    return texts


def _unpack(packed: bytes, size: Any, most: int) -> list[str]:
    if not isinstance(size, int) or size != len(packed):
        raise RefusedError(f"binary_data_size doesn't match the {len(packed)} bytes after the JSON.")
    texts = []
    start = 0
    try:
        while start < len(packed) and len(texts) <= most:
            (length,) = struct.unpack_from("<I", packed, start)
            start += 4 + length
            if start > len(packed):
                raise RefusedError("The last BYTES element is truncated.")
            texts.append(packed[start - length : start].decode("utf-8"))
    except (struct.error, UnicodeDecodeError) as error:
        raise RefusedError("The tensor must contain BYTES elements in UTF-8, each preceded by its length.") from error
    return texts


def _pack(values: Sequence[Any], datatype: str) -> bytes:
    if datatype == "FP32":
        return np.asarray(values, dtype="<f4").tobytes()
    encoded = [str(value).encode() for value in values]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)
