"""The Open Inference Protocol v2 (KServe, Triton): the same models for clients of that protocol.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from volant.service.access.bodies import aside
from volant.service.access.clients import caller, client_key
from volant.service.api import tensors
from volant.service.api.deployments import DeploymentAdmin
from volant.service.api.predict import describe
from volant.service.api.schemas import body, problems
from volant.service.api.tensors import InferRequest, InferResponse
from volant.service.deployments.loaded import LoadedVersion
from volant.service.errors import RefusedError
from volant.workspace.distribution import installed_version

if TYPE_CHECKING:
    from volant.service.state import State

JSON_LENGTH = "Inference-Header-Content-Length"
EXTENSIONS = ["binary_tensor_data", "model_repository"]


class ServerMetadata(BaseModel):
    """The metadata of the server."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """An input or output tensor of a model; -1 is any number of texts."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """The inputs and outputs of a model; `labels` names the columns of `scores`."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    labels: list[str]


class Indexed(BaseModel):
    """A deployed model."""

    name: str
    version: str
    state: str
    reason: str


def router(state: "State") -> APIRouter:
    """Return the routes of the protocol."""
    routes = APIRouter(prefix="/v2", tags=["inference protocol v2"])
    _server(routes, state)
    _model(routes, state)
    _repository(routes, state)
    return routes


def _server(routes: APIRouter, state: "State") -> None:
    @routes.get("/health/live")
    def live() -> dict[str, bool]:
        """Check that the server is alive."""
        return {"live": True}

    @routes.get("/health/ready", responses=problems(503))
    def ready() -> dict[str, bool]:
        """Check that every deployed model answers."""
        if waiting := [model["name"] for model in describe(state) if not model["ready"]]:
            raise RefusedError(f"These models don't answer yet: {', '.join(waiting)}.", 503, retry_after=2)
        return {"ready": True}

    @routes.get("", response_model=ServerMetadata)
    def server() -> dict[str, Any]:
        """Return the metadata of the server."""
        return {"name": "volant", "version": installed_version(), "extensions": EXTENSIONS}


def _model(routes: APIRouter, state: "State") -> None:
    key = client_key(state.root)

    def found(name: str, number: str | None = None) -> LoadedVersion:
        answering = state.models.current(name)
        _require(name, number, answering.version)
        return answering

    @routes.get("/models/{name}/versions/{number}/ready", responses=problems(404, 422, 503))
    @routes.get("/models/{name}/ready", responses=problems(404, 422, 503))
    def ready(name: str, number: str | None = None) -> dict[str, Any]:
        """Check that a model answers, with that version."""
        found(name, number)
        return {"name": name, "ready": True}

    @routes.get("/models/{name}/versions/{number}", response_model=ModelMetadata, responses=problems(404, 422, 503))
    @routes.get("/models/{name}", response_model=ModelMetadata, responses=problems(404, 422, 503))
    def model(name: str, number: str | None = None) -> dict[str, Any]:
        """Return the inputs and outputs of a model."""
        answering = found(name, number)
        bundle = answering.bundle
        return {
            "name": name,
            "versions": [answering.version],
            "platform": f"volant_{bundle.manifest['family']}",
            "inputs": [{"name": tensors.INPUT, "datatype": "BYTES", "shape": [-1]}],
            "outputs": tensors.outputs(bundle),
            "labels": list(bundle.labels),
        }

    told: dict[str, Any] = {"response_model": InferResponse, "openapi_extra": body(InferRequest)}

    @routes.post("/models/{name}/versions/{number}/infer", **told, responses=problems(404, 413, 415, 422, 429, 503))
    @routes.post("/models/{name}/infer", **told, responses=problems(404, 413, 415, 422, 429, 503))
    async def infer(name: str, request: Request, number: str | None = None) -> Response:
        """Predict one tensor of texts."""
        found(name, number)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RefusedError("A compressed body is not taken; send it as it is.", 415)
        sent = await request.body()
        header = request.headers.get(JSON_LENGTH)
        asked = await aside(len(sent), tensors.parse, sent, header, state.settings.limits.texts_per_request)
        reply = await state.answer(name, asked.texts, caller(request, state.tokens, key))
        _require(name, number, reply.version)  # the version may have changed in the meantime
        content, length = await aside(len(sent), tensors.render, asked, reply)
        if length is None:
            return Response(content, media_type="application/json")
        return Response(content, media_type="application/octet-stream", headers={JSON_LENGTH: str(length)})


def _repository(routes: APIRouter, state: "State") -> None:
    admin = DeploymentAdmin(state)
    only = [state.admin()]

    @routes.post("/repository/index", response_model=list[Indexed], responses=problems(413, 422))
    def index(asked: Annotated[dict[str, Any] | None, Body()] = None) -> list[dict[str, str]]:
        """List the deployments; `{"ready": true}` lists only those that answer."""
        known = [
            {
                "name": model["name"],
                "version": model["version"] or "",
                "state": "READY" if model["ready"] else "UNAVAILABLE",
                "reason": model["error"] or "",
            }
            for model in describe(state)
        ]
        return [entry for entry in known if entry["state"] == "READY" or not (asked or {}).get("ready")]

    @routes.post("/repository/models/{name}/load", dependencies=only, responses=problems(401, 409, 413, 422))
    def load(name: str) -> dict[str, Any]:
        """Deploy a flywheel under its own name, following its champion; an existing deployment is not changed."""
        if name not in {model["name"] for model in describe(state)}:
            admin.deploy(name, name)
        return {}

    @routes.post("/repository/models/{name}/unload", dependencies=only, responses=problems(401, 404, 409, 413, 422))
    def unload(name: str) -> dict[str, Any]:
        """Remove a deployment."""
        admin.remove(name)
        return {}


def _require(name: str, number: str | None, version: str) -> None:
    if number is not None and version != number:
        raise RefusedError(f"'{name}' answers with version {version} now, not {number[:20]}.", 404)
