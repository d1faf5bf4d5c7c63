"""POST /predict, and GET /models: the deployments and their models."""

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
from volant.service.deployments.pool import ModelPool
from volant.service.deployments.slots import Slot
from volant.service.telemetry.sinks import Reply

if TYPE_CHECKING:
    from volant.service.state import State


def endpoint(state: "State") -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of POST /predict."""
    key = client_key(state.root)

    async def predict(request: Request) -> Response:
        """Predict one or many texts; the predictions are in the same order."""
        body = await read(request, PredictRequest)
        reply = await state.answer(body.model, body.texts, caller(request, state.tokens, key))
        best = None if body.all_scores else body.top_k
        return json({"model": reply.model, "version": reply.version, "predictions": answers(reply, best)})

    return predict


def router(state: "State") -> APIRouter:
    """Return the routes that predict texts and list the deployments."""
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
        """List the deployments: the version in use, and the error if the requested version is not available."""
        registry = state.follower.error if state.follower else None
        return {"models": describe(state), "registry": registry}

    return routes


def answers(reply: Reply, best: int | None) -> list[dict[str, Any]]:
    """Return the prediction for each text, with its id.

    Args:
        reply: The answered request.
        best: Number of scores to include: 1 for the prediction's own, None for all.
    """
    pairs = zip(reply.ids, reply.annotations, strict=True)
    return [{"id": event, **answer(reply.bundle.kind, annotation, best)} for event, annotation in pairs]


def describe(state: "State") -> list[dict[str, Any]]:
    """Return all deployed models, sorted by name."""
    if state.follower is None:
        deployed = {name: Deployment(name, name, None) for name in state.models.slots}
    else:
        deployed = {deployment.name: deployment for deployment in state.deployments.all()}
    return [_model(deployed[name], state.models) for name in sorted(deployed)]


def _model(deployment: Deployment, models: ModelPool) -> dict[str, Any]:
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
    """Return a response with a JSON body."""
    return Response(orjson.dumps(tree), media_type="application/json")
