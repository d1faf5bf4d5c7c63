"""What a container of Amazon SageMaker answers: GET /ping and POST /invocations (JSON, CSV, JSON lines).

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from volant.service.predict import row
from volant.service.refused import RefusedError
from volant.service.schemas import problems
from volant.service.telling import Reply

if TYPE_CHECKING:
    from volant.service.state import State

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
SAME = {"application/x-jsonlines": LINES, "application/jsonl": LINES, "application/x-ndjson": LINES}
TARGET = "X-Amzn-SageMaker-Target-Model"
EXAMPLES: dict[str, dict[str, Any]] = {
    JSON: {"schema": {"type": "object"}, "example": {"instances": ["A fine film."]}},
    CSV: {"schema": {"type": "string"}, "example": '"A fine film, moving."\nDull.\n'},
    LINES: {"schema": {"type": "string"}, "example": '{"text": "A fine film."}\n'},
}
TOLD: dict[str, Any] = {
    "requestBody": {"required": True, "content": EXAMPLES},
    "parameters": [
        {"name": TARGET, "in": "header", "schema": {"type": "string"}, "description": "A deployed name."},
    ],
}
ANSWER = {"content": {CSV: {"schema": {"type": "string"}}, LINES: {"schema": {"type": "string"}}}}


def router(state: "State") -> APIRouter:
    """The two routes."""
    routes = APIRouter(tags=["sagemaker"])

    @routes.get("/ping", responses=problems(503))
    def ping() -> dict[str, str]:
        """Whether any model answers."""
        if not any(slot.current for slot in state.models.slots.values()):
            raise RefusedError("No model answers yet.", 503, retry_after=2)
        return {"status": "healthy"}

    @routes.post(
        "/invocations",
        response_model=dict[str, Any],
        openapi_extra=TOLD,
        responses={200: ANSWER, **problems(404, 413, 415, 422, 429, 503)},
    )
    async def invocations(request: Request) -> Response:
        """Answer texts: JSON `{"instances": [...]}`, CSV with a text a line, or JSON lines `{"text": ...}`."""
        sent = _type(request.headers.get("content-type", JSON))
        accept = request.headers.get("accept", "*/*")
        wanted = sent if "*/*" in accept else _type(accept)
        texts = READ[sent](await request.body())
        if not texts:
            raise RefusedError("No texts were sent.")
        reply = await state.answer(request.headers.get(TARGET), texts)
        return Response(WRITE[wanted](reply), media_type=wanted)

    return routes


def _type(given: str) -> str:
    plain = given.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip().lower()
    found = SAME.get(plain, plain)
    if found not in READ:
        raise RefusedError(f"'{plain[:100]}' is not a type that is known here: {', '.join(READ)}.", 415)
    return found


def _from_json(body: bytes) -> list[str]:
    tree = _parse(body, "The body")
    found = tree.get("instances", tree.get("texts")) if isinstance(tree, dict) else tree
    if not isinstance(found, list):
        raise RefusedError('The body must be {"instances": [...]} or a list of texts.')
    return [_text(one, f"Instance {number}") for number, one in enumerate(found)]


def _from_lines(body: bytes) -> list[str]:
    lines = [line for line in body.splitlines() if line.strip()]
    return [_text(_parse(line, f"Line {n}"), f"Line {n}") for n, line in enumerate(lines, 1)]


def _from_csv(body: bytes) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise RefusedError(f"The body is no CSV in UTF-8: {error}.") from error
    if wide := [number for number, columns in enumerate(rows, 1) if len(columns) > 1]:
        raise RefusedError(f"Row {wide[0]} has several columns; a row is one text, in quotes if it holds a comma.")
    return [columns[0] for columns in rows if columns]


def _text(given: Any, where: str) -> str:
    found = given.get("text", given.get("features")) if isinstance(given, dict) else given
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, str):
        raise RefusedError(f'{where} is neither a text nor {{"text": ...}}.')
    return found


def _parse(body: bytes, where: str) -> Any:
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise RefusedError(f"{where} is no JSON.") from error


def _rows(reply: Reply) -> list[dict[str, Any]]:
    return [row(i, annotation, 1) for i, annotation in zip(reply.ids, reply.annotations, strict=True)]


def _as_json(reply: Reply) -> bytes:
    return orjson.dumps({"model": reply.model, "version": reply.version, "predictions": _rows(reply)})


def _as_lines(reply: Reply) -> bytes:
    told = {"model": reply.model, "version": reply.version}
    return b"".join(orjson.dumps({**one, **told}) + b"\n" for one in _rows(reply))


def _as_csv(reply: Reply) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for one, answered in zip(_rows(reply), reply.answered(), strict=True):
        label = one["label"] if "label" in one else json.dumps(one["labels"], ensure_ascii=False)
        writer.writerow([label, round(answered.score, 6), one["id"]])
    return stream.getvalue().encode()


READ = {JSON: _from_json, CSV: _from_csv, LINES: _from_lines}
WRITE = {JSON: _as_json, CSV: _as_csv, LINES: _as_lines}
