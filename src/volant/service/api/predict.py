"""POST /predict, and GET /models: what is deployed and what it is."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from volant.kinds.answers import answer
from volant.service.access.clients import caller, client_key
from volant.service.api.schemas import ModelList, PredictRequest, PredictResponse, body, problems, read
from volant.service.deployments.deployments import Deployment
from volant.service.deployments.loaded import Models, Slot
from volant.service.telemetry.sinks import Reply

if TYPE_CHECKING:
    from volant.service.state import State


def endpoint(state: "State") -> Callable[[Request], Awaitable[Response]]:
    """What answers POST /predict."""
    key = client_key(state.root)

    async def predict(request: Request) -> Response:
        """Answer one or many texts, in their order."""
        asked = await read(request, PredictRequest)
        reply = await state.answer(asked.model, asked.texts, caller(request, state.tokens, key))
        best = None if asked.all_scores else asked.top_k
        return json({"model": reply.model, "version": reply.version, "predictions": answers(reply, best)})

    return predict


def router(state: "State") -> APIRouter:
    """The routes that answer texts and say what answers them."""
    routes = APIRouter(tags=["predict"])

    routes.post(
        "/predict",
        response_model=PredictResponse,
        response_model_exclude_none=True,
        openapi_extra=body(PredictRequest),
        responses=problems(404, 413, 422, 429, 503),
    )(endpoint(state))

    @routes.get("/models", response_model=ModelList)
    def models() -> dict[str, Any]:
        """What is deployed, which version answers, and why another one doesn't."""
        registry = state.following.error if state.following else None
        return {"models": describe(state), "registry": registry}

    return routes


def answers(reply: Reply, best: int | None) -> list[dict[str, Any]]:
    """Return the answer to each text, with its id.

    Args:
        reply: What was answered.
        best: How many scores are asked for: 1 is the answer's own, None is all.
    """
    pairs = zip(reply.ids, reply.annotations, strict=True)
    return [{"id": event, **answer(reply.bundle.kind, annotation, best)} for event, annotation in pairs]


def describe(state: "State") -> list[dict[str, Any]]:
    """Every deployed model, by name."""
    if state.following is None:
        deployed = {name: Deployment(name, name, None) for name in state.models.slots}
    else:
        deployed = {deployment.name: deployment for deployment in state.deployments.all()}
    return [_model(deployed[name], state.models) for name in sorted(deployed)]


def _model(deployment: Deployment, models: Models) -> dict[str, Any]:
    slot = models.slots.get(deployment.name) or Slot()
    manifest: dict[str, Any] = slot.current.bundle.manifest if slot.current else {}
    return {
        "name": deployment.name,
        "flywheel": slot.current.flywheel if slot.current else deployment.flywheel,
        "follow": deployment.follow,
        "pinned": deployment.version,
        "version": slot.current and slot.current.version,
        "previous": slot.previous and slot.previous.version,
        "ready": slot.current is not None,
        "error": slot.error,
        "since": slot.since and slot.since.isoformat(timespec="seconds"),
        "swaps": slot.swaps,
        "waiting": slot.current.batcher.waiting if slot.current else 0,
        **{key: manifest.get(key) for key in ("kind", "family", "labels", "digest")},
    }


def json(tree: Any) -> Response:
    """An answer as JSON."""
    return Response(orjson.dumps(tree), media_type="application/json")
