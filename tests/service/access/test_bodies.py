"""What a body holds is counted before anything is built of it, in time that grows with its length only."""

import asyncio
import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from volant.service.access import bodies
from volant.service.access.guard import Guard
from volant.service.access.tokens import Tokens
from volant.service.api import sagemaker, tensors
from volant.service.errors import RefusedError
from volant.service.settings import Limits, Settings

MIB = 2**20
TEXTS = [f'a "film", that: [costs] {{much}} \\ é {number}\n' for number in range(1000)]


def infer(**tensor: Any) -> bytes:
    return json.dumps(
        {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]} | tensor]}
    ).encode()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"texts": [' + b"1," * 3 * MIB + b"1]}", "more than 10000 values"),
        (b'{"texts": [' + b'"",' * 3 * MIB + b'""]}', "more than 10000 values"),
        (b'{"texts": ["' + b'\\\\","' * MIB + b'"]}', "more than 10000 values"),
        (b'{"a":' * MIB, "more than 10000 values"),
        (b"]" * 8 * MIB, "more than 10000 values"),
        (b"[" * 100 + b"]" * 100, "more than 64 levels of nesting"),
        (b"[" + b"9" * MIB + b"]", "more than 100 characters"),
        (b'["\xff"]', "not valid UTF-8"),
    ],
    ids=["numbers", "strings", "escapes", "keys", "ends", "depth", "digits", "utf-8"],
)
def test_a_body_of_too_much_is_refused_before_it_is_parsed(body: bytes, says: str) -> None:
    begun = time.monotonic()
    with pytest.raises(RefusedError, match=says):
        bodies.screen(body, Limits())
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "tree",
    [
        {"texts": TEXTS, "model": "reviews", "top_k": 3},
        {"texts": ["\\" * 9999, '"' * 10_000, "[" * 20_000, "1" * 5000, "\n" * 9999, '\\"' * 5000] * 20},
        {"instances": [{"text": text, "features": [text]} for text in TEXTS]},
        [[[[[1.5e-300, -1, True, None]]]]],
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_body_that_holds_what_it_may_passes(tree: Any, ascii_only: bool) -> None:
    bodies.screen(json.dumps(tree, ensure_ascii=ascii_only).encode(), Limits())
    bodies.screen(json.dumps(tree, ensure_ascii=ascii_only, indent=4).encode(), Limits())


def test_many_texts_are_allowed_where_the_settings_say_so() -> None:
    body = json.dumps({"texts": ["a"] * 50_000}).encode()
    bodies.screen(body, Limits(texts_per_request=50_000))
    with pytest.raises(RefusedError, match=r"limits.texts_per_request"):
        bodies.screen(body, Limits(texts_per_request=1000))


def test_an_output_is_given_once_however_often_it_is_asked_for() -> None:
    tree = {"outputs": [{"name": "id"}] * 3 + [{"name": "label", "parameters": {"binary_data": True}}, {"name": "id"}]}
    asked = tensors.parse(json.dumps(json.loads(infer()) | tree).encode(), None, 1000)
    assert asked.outputs(["label", "score", "id"]) == {"id": False, "label": True}


@pytest.mark.parametrize("shape", [[10**90] * 8, [9] * 5000, [-1], [0], [1, -1, -1], [2, 2]])
def test_a_shape_is_never_multiplied_without_end(shape: list[int]) -> None:
    begun = time.monotonic()
    with pytest.raises(RefusedError, match="shape"):
        tensors.parse(infer(shape=shape), None, 1000)
    assert time.monotonic() - begun < 1


def test_binary_texts_are_read_as_far_as_they_are_allowed() -> None:
    head = infer(data=None, shape=[3 * MIB], parameters={"binary_data_size": 12 * MIB})
    begun = time.monotonic()
    asked = tensors.parse(head + struct.pack("<I", 0) * 3 * MIB, str(len(head)), 1000)
    assert len(asked.texts) == 1001  # which is told as too many
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("a\nb\n", ["a", "b"]),
        ("text\na\n", ["a"]),
        ('"text"\r\n"a, ""b"""\r\n\r\nc', ['a, "b"', "c"]),
        ("a\ntext\n", ["a", "text"]),
        ("text of a film\n", ["text of a film"]),
        ('\ufeffa 5" disc\n', ['a 5" disc']),
        ('"two\nlines"\n""\n', ["two\nlines", ""]),
        ("\n\ntext\n", ["text"]),
        ("text", []),
    ],
)
def test_csv_is_one_column_with_or_without_its_name(body: str, texts: list[str]) -> None:
    assert sagemaker.READ["text/csv"](body.encode(), 1000) == texts


@pytest.mark.parametrize("body", ["a,b\n", '"a"b\n', '"a', '"a",b\n', 'a\n"b"" \n'])
def test_csv_of_another_form_is_refused(body: str) -> None:
    with pytest.raises(RefusedError, match=r"is not valid CSV of one column"):
        sagemaker.READ["text/csv"](body.encode(), 1000)


@pytest.mark.parametrize("kind", ["text/csv", "application/jsonlines"])
@pytest.mark.parametrize("piece", [b"\n", b"a\n", b",", b'"', b'""\n', b"\r", b'"a"\n'])
def test_lines_are_read_as_far_as_they_are_allowed(kind: str, piece: bytes) -> None:
    begun = time.monotonic()
    try:
        texts = sagemaker.READ[kind](piece * (9 * MIB // len(piece)), 1000)
    except RefusedError:
        texts = []
    assert len(texts) <= 1001
    assert time.monotonic() - begun < 2


def dripping(pieces: int, pause: float) -> Receive:
    sent = 0

    async def receive() -> Message:
        nonlocal sent
        await asyncio.sleep(pause)
        sent += 1
        return {"type": "http.request", "body": b" ", "more_body": sent < pieces}

    return receive


def test_a_body_has_a_time_of_its_own() -> None:
    limits = Limits(idle_seconds=5, body_seconds=0.5)
    body = asyncio.run(bodies.read(bodies.with_timeouts(dripping(3, 0.05), limits)))
    assert body == b"   "
    with pytest.raises(RefusedError, match=r"limits.body_seconds") as raised:
        asyncio.run(bodies.read(bodies.with_timeouts(dripping(100, 0.05), limits)))
    assert raised.value.status == 408


def test_a_client_that_leaves_is_noticed() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert asyncio.run(bodies.read(gone)) is None


@pytest.mark.parametrize("path", ["/ui/gradio_api/queue/join", "/ui/gradio_api/component_server/", "/predict"])
def test_what_the_web_ui_is_sent_is_counted_before_its_process_parses_it(path: str, tmp_path: Path) -> None:
    reached: list[str] = []
    sent: list[Message] = []
    body = b"[" + b"[]," * MIB + b"[]]"

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope["path"])

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": ("127.0.0.1", 1)}
    asyncio.run(Guard(app, Settings(), Tokens(tmp_path))(scope, receive, send))
    assert (reached, sent[0]["status"]) == ([], 422)
