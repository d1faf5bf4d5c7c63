"""The interface of an Amazon SageMaker container: GET /ping and POST /invocations (JSON, CSV, JSON lines).

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from volant.kinds.calibration import DIGITS
from volant.service.access.bodies import offload
from volant.service.access.clients import caller, client_key
from volant.service.api.predict import answers
from volant.service.api.schemas import problems
from volant.service.errors import RefusedError
from volant.service.telemetry.sinks import Reply

if TYPE_CHECKING:
    from volant.service.state import State

JSON = "application/json"
CSV = "text/csv"
JSON_LINES = "application/jsonlines"
SAME: dict[str, str] = dict.fromkeys(
    ("application/x-jsonlines", "application/jsonl", "application/x-ndjson"), JSON_LINES
)
HEADER = "text"  # a first line with only this word is a header row
LINES = 16  # maximum JSON lines for each allowed text, as some lines may be empty
# possessive, so that each character is read once; blank lines between rows are skipped
ROW = re.compile(r'(?:"(?P<quoted>[^"]*+(?:""[^"]*+)*+)"|(?P<plain>[^",\r\n][^,\r\n]*+)?)(?:\r\n|\r|\n|\Z)[\r\n]*+')
TARGET = "X-Amzn-SageMaker-Target-Model"
EXAMPLES: dict[str, dict[str, Any]] = {
    JSON: {"schema": {"type": "object"}, "example": {"instances": ["A fine film."]}},
    CSV: {"schema": {"type": "string"}, "example": '"A fine film, moving."\nDull.\n'},
    JSON_LINES: {"schema": {"type": "string"}, "example": '{"text": "A fine film."}\n'},
}
DESCRIPTION: dict[str, Any] = {
    "requestBody": {"required": True, "content": EXAMPLES},
    "parameters": [
        {"name": TARGET, "in": "header", "schema": {"type": "string"}, "description": "A deployed name."},
    ],
}
ANSWER = {"content": {CSV: {"schema": {"type": "string"}}, JSON_LINES: {"schema": {"type": "string"}}}}


def router(state: "State") -> APIRouter:
    """Return the two routes."""
    routes = APIRouter(tags=["sagemaker"])
    key = client_key(state.root)

    @routes.get("/ping", responses=problems(503))
    def ping() -> dict[str, str]:
        """Check that at least one model is ready."""
        _require_ready(state)
        return {"status": "healthy"}

    @routes.post(
        "/invocations",
        response_model=dict[str, Any],
        openapi_extra=DESCRIPTION,
        responses={200: ANSWER, **problems(404, 413, 415, 422, 429, 503)},
    )
    async def invocations(request: Request) -> Response:
        """Predict texts: JSON `{"instances": [...]}`, CSV with one text per row, or JSON lines `{"text": ...}`."""
        content_type = _type(request.headers.get("content-type", JSON))
        accept = request.headers.get("accept", "*/*")
        media_type = content_type if "*/*" in accept else _type(accept)
        body = await request.body()
        texts = await offload(len(body), _read, content_type, body, state.settings.limits.texts_per_request)
        reply = await state.answer(request.headers.get(TARGET), texts, caller(request, state.tokens, key))
        return Response(WRITE[media_type](reply), media_type=media_type)

    return routes


def _require_ready(state: "State") -> None:
    if not any(slot.current for slot in state.models.slots.values()):
        raise RefusedError("No model is ready yet.", 503, retry_after=2)


def _type(header: str) -> str:
    plain = header.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip().lower()
    media_type = SAME.get(plain, plain)
    if media_type not in READ:
        raise RefusedError(f"'{plain[:100]}' is not a supported content type. Allowed: {', '.join(READ)}.", 415)
    return media_type


def _read(content_type: str, body: bytes, most: int) -> list[str]:
    texts = READ[content_type](body, most)
    if not texts:
        raise RefusedError("The body contains no texts.")
    return texts


def _from_json(body: bytes, _: int) -> list[str]:
    tree = _parse(body, "The body")
    instances = tree.get("instances", tree.get("texts")) if isinstance(tree, dict) else tree
    if not isinstance(instances, list):
        raise RefusedError('The body must be {"instances": [...]} or a list of texts.')
    return [_text(instance, f"Instance {number}") for number, instance in enumerate(instances)]


def _from_lines(body: bytes, most: int) -> list[str]:
    texts: list[str] = []
    for number, line in enumerate(_lines(body, most), 1):
        if line.strip():
            texts.append(_text(_parse(line, f"Line {number}"), f"Line {number}"))
    return texts


def _lines(body: bytes, most: int) -> list[bytes]:
    """Return the lines of a body, some of which may be empty.

    Raises:
        RefusedError: 422 if there are far more lines than allowed texts; checked before they are split.
    """
    ends = body.count(b"\n") + body.count(b"\r")
    if ends > LINES * (most + 1):
        raise RefusedError(f"The body has about {ends} lines; limits.texts_per_request is {most}. Send it in parts.")
    return body.splitlines()


def _from_csv(body: bytes, most: int) -> list[str]:
    """Return the texts of a CSV with one column (RFC 4180), up to one more than allowed.

    Raises:
        RefusedError: 422 if it is not UTF-8, or a row doesn't have one column.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RefusedError(f"The body is not valid CSV in UTF-8: {error}.") from error
    texts: list[str] = []
    row = 0
    start = 0
    while start < len(text) and len(texts) <= most:
        row += 1
        match = ROW.match(text, start)
        if match is None:
            raise RefusedError(
                f"Row {row} is not valid CSV of one column: a row is one text, in quotes if it contains a comma, a "
                "line break or a quote at its beginning; quotes inside are doubled."
            )
        start = match.end()
        quoted = match["quoted"]
        plain = match["plain"]
        if quoted is not None:
            texts.append(quoted.replace('""', '"'))
        elif plain:
            texts.append(plain)
        if row == 1 and texts == [HEADER]:
            texts.clear()
    return texts


def _text(instance: Any, where: str) -> str:
    text = instance.get("text", instance.get("features")) if isinstance(instance, dict) else instance
    if isinstance(text, list) and len(text) == 1:
        text = text[0]
    if not isinstance(text, str):
        raise RefusedError(f'{where} is neither a text nor {{"text": ...}}.')
    return text


def _parse(body: bytes, where: str) -> Any:
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise RefusedError(f"{where} is not valid JSON.") from error


def _rows(reply: Reply) -> list[dict[str, Any]]:
    return answers(reply, 1)


def _as_json(reply: Reply) -> bytes:
    return orjson.dumps({"model": reply.model, "version": reply.version, "predictions": _rows(reply)})


def _as_lines(reply: Reply) -> bytes:
    source = {"model": reply.model, "version": reply.version}
    return b"".join(orjson.dumps({**row, **source}) + b"\n" for row in _rows(reply))


def _as_csv(reply: Reply) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for row, event in zip(_rows(reply), reply.events(), strict=True):
        cells = [_cell(row[name]) for name in reply.bundle.kind.columns]
        writer.writerow([*cells, round(event.score, DIGITS), row["id"]])
    return stream.getvalue().encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


READ = {JSON: _from_json, CSV: _from_csv, JSON_LINES: _from_lines}
WRITE = {JSON: _as_json, CSV: _as_csv, JSON_LINES: _as_lines}
