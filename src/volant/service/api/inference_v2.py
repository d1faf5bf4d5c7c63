"""The Open Inference Protocol v2 (KServe, Triton): the same models for clients of that protocol.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from volant.service.access.bodies import offload
from volant.service.access.clients import caller, client_key
from volant.service.api import tensors
from volant.service.api.deployments import DeploymentAdmin
from volant.service.api.predict import describe
from volant.service.api.schemas import body, problems
from volant.service.api.tensors import InferRequest, InferResponse
from volant.service.deployments.slots import LoadedVersion
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
        """Check that every deployed model is ready."""
        _require_ready(state)
        return {"ready": True}

    @routes.get("", response_model=ServerMetadata)
    def server() -> dict[str, Any]:
        """Return the metadata of the server."""
        return {"name": "volant", "version": installed_version(), "extensions": EXTENSIONS}


def _model(routes: APIRouter, state: "State") -> None:
    key = client_key(state.root)

    def loaded(name: str, number: str | None = None) -> LoadedVersion:
        version = state.models.current(name)
        _require(name, number, version.version)
        return version

    @routes.get("/models/{name}/versions/{number}/ready", responses=problems(404, 422, 503))
    @routes.get("/models/{name}/ready", responses=problems(404, 422, 503))
    def ready(name: str, number: str | None = None) -> dict[str, Any]:
        """Check that a model is ready, with that version."""
        loaded(name, number)
        return {"name": name, "ready": True}

    @routes.get("/models/{name}/versions/{number}", response_model=ModelMetadata, responses=problems(404, 422, 503))
    @routes.get("/models/{name}", response_model=ModelMetadata, responses=problems(404, 422, 503))
    def model(name: str, number: str | None = None) -> dict[str, Any]:
        """Return the inputs and outputs of a model."""
        version = loaded(name, number)
        bundle = version.bundle
        return {
            "name": name,
            "versions": [version.version],
            "platform": f"volant_{bundle.manifest['family']}",
            "inputs": [{"name": tensors.INPUT, "datatype": "BYTES", "shape": [-1]}],
            "outputs": tensors.outputs(bundle),
            "labels": list(bundle.labels),
        }

    options: dict[str, Any] = {
        "response_model": InferResponse,
        "openapi_extra": body(InferRequest),
        "responses": problems(404, 413, 415, 422, 429, 503),
    }

    @routes.post("/models/{name}/versions/{number}/infer", **options)
    @routes.post("/models/{name}/infer", **options)
    async def infer(name: str, request: Request, number: str | None = None) -> Response:
        """Predict one tensor of texts."""
        loaded(name, number)
        _require_uncompressed(request)
        raw = await request.body()
        header = request.headers.get(JSON_LENGTH)
        parsed = await offload(len(raw), tensors.parse, raw, header, state.settings.limits.texts_per_request)
        reply = await state.answer(name, parsed.texts, caller(request, state.tokens, key))
        _require(name, number, reply.version)  # the version may have changed in the meantime
        content, length = await offload(len(raw), tensors.render, parsed, reply)
        if length is None:
            return Response(content, media_type="application/json")
        return Response(content, media_type="application/octet-stream", headers={JSON_LENGTH: str(length)})


def _repository(routes: APIRouter, state: "State") -> None:
    admin = DeploymentAdmin(state)
    admin_only = [state.admin()]

    @routes.post("/repository/index", response_model=list[Indexed], responses=problems(413, 422))
    def index(body: Annotated[dict[str, Any] | None, Body()] = None) -> list[dict[str, str]]:
        """List the deployments; `{"ready": true}` lists only those that are ready."""
        entries = [
            {
                "name": model["name"],
                "version": model["version"] or "",
                "state": "READY" if model["ready"] else "UNAVAILABLE",
                "reason": model["error"] or "",
            }
            for model in describe(state)
        ]
        return [entry for entry in entries if entry["state"] == "READY" or not (body or {}).get("ready")]

    @routes.post("/repository/models/{name}/load", dependencies=admin_only, responses=problems(401, 409, 413, 422))
    def load(name: str) -> dict[str, Any]:
        """Deploy a flywheel under its own name, following its champion; an existing deployment is not changed."""
        if name not in {model["name"] for model in describe(state)}:
            admin.deploy(name, name)
        return {}

    @routes.post(
        "/repository/models/{name}/unload", dependencies=admin_only, responses=problems(401, 404, 409, 413, 422)
    )
    def unload(name: str) -> dict[str, Any]:
        """Remove a deployment."""
        admin.remove(name)
        return {}


def _require(name: str, number: str | None, version: str) -> None:
    if number is not None and version != number:
        raise RefusedError(f"'{name}' has version {version} now, not {number[:20]}.", 404)


def _require_ready(state: "State") -> None:
    if waiting := [model["name"] for model in describe(state) if not model["ready"]]:
        raise RefusedError(f"These models are not ready yet: {', '.join(waiting)}.", 503, retry_after=2)


def _require_uncompressed(request: Request) -> None:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RefusedError("Compressed bodies are not supported. Send the body uncompressed.", 415)
