"""The API page, offline: Swagger UI as BentoML brings it, on this service's own OpenAPI document."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from volant.service.examples import fill
from volant.service.schemas import PredictRequest
from volant.service.state import State
from volant.service.tensors import InferRequest

ASSETS = "/static_content"
# read by their routes themselves, so FastAPI doesn't know of them
BODIES = (PredictRequest, InferRequest)
# answered by BentoML
HEALTH = {
    "/livez": ("Whether the process lives.", []),
    "/healthz": ("The same, as Kubernetes used to call it.", []),
    "/readyz": ("Whether requests can be answered.", [503]),
    "/metrics": ("Counters, as Prometheus reads them.", []),
}
ABOUT = """Predictions of every deployed flywheel, by its active version. `/models` says what is deployed.

Examples name what is deployed now, and work as they stand; only earlier answers tell the ids of jobs and feedback.
Admin calls need `Authorization: Bearer TOKEN` with the token that the first start printed."""


def add(app: FastAPI, state: State) -> None:
    """Give an app its API page and its first page."""
    found = importlib.util.find_spec("bentoml")
    folder = Path((found and found.origin) or "").parent / "_internal/server/static_content"
    app.mount(ASSETS, StaticFiles(directory=folder), name="assets")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Volant: API",
            swagger_js_url=f"{ASSETS[1:]}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS[1:]}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS[1:]}/favicon-light-32x32.png",
        )

    @app.get("/", include_in_schema=False)
    def first() -> RedirectResponse:
        return RedirectResponse("ui" if has_ui(app) else "docs")

    app.openapi = lambda: fill(_openapi(app), state)


def has_ui(app: FastAPI) -> bool:
    """Whether there are pages for people."""
    return getattr(app.state, "ui", False)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        tree = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
        known = tree.setdefault("components", {}).setdefault("schemas", {})
        for model in BODIES:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            known |= schema.pop("$defs", {})
            known[model.__name__] = schema
        tree["paths"] |= {path: {"get": _plain(path, *told)} for path, told in HEALTH.items()}
        app.openapi_schema = tree
    return app.openapi_schema


def _plain(path: str, summary: str, refusals: list[int]) -> dict[str, Any]:
    answer = {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
    responses = {str(status): answer for status in (200, *refusals)}
    return {"tags": ["health"], "summary": summary, "operationId": path[1:], "responses": responses}


def address() -> str:
    """Where the service answers, as BentoML tells its workers."""
    return json.loads(os.environ.get("BENTOML_RUNNER_MAP", "{}")).get("volant", "http://localhost:3000")


def announce(has_ui: bool) -> None:
    """Say where people and programs find the service; of several workers the first one says it."""
    from bentoml import server_context

    if server_context.worker_index not in (None, 1):
        return
    pages = f"pages at {address()}/ui, " if has_ui else ""
    print(f"Volant: {pages}API at {address()}/docs", flush=True)  # noqa: T201
