"""The API page, offline: the Swagger UI that comes with BentoML, and this service's OpenAPI document."""

import importlib.util
import json
import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from volant.service.api.examples import fill
from volant.service.api.schemas import PredictRequest
from volant.service.api.tensors import InferRequest
from volant.service.state import State

ASSETS = "/static_content"
# bodies that routes read themselves, so FastAPI doesn't document their models
BODIES = (PredictRequest, InferRequest)
# routes of BentoML
HEALTH = {
    "/livez": ("Liveness: the process is running.", []),
    "/healthz": ("The same, under the older name of Kubernetes.", []),
    "/readyz": ("Readiness: requests can be answered.", [503]),
    "/metrics": ("Metrics in the format of Prometheus.", []),
}
ABOUT = """Predictions by the champion of every deployed flywheel. `/models` lists the deployments.

The examples use present deployments and work unchanged; ids of jobs and feedback come from earlier responses.
Admin calls require `Authorization: Bearer TOKEN` with the token that the first start printed."""

EXPOSED = """
WARNING: the service listens on the network and requires no token: every machine that reaches it may use it.
    To require tokens, set VOLANT_API_TOKENS. To accept only this machine, start it with --host 127.0.0.1 (as
    `make serve` does). docs/security.md lists who may do what.
"""
# prevents clickjacking: other sites must not show the API page in a frame
HEADERS = {"Content-Security-Policy": "frame-ancestors 'none'", "X-Frame-Options": "DENY"}


def add(app: FastAPI, state: State) -> None:
    """Add the API page and the start page to an app."""
    spec = importlib.util.find_spec("bentoml")
    folder = Path((spec and spec.origin) or "").parent / "_internal/server/static_content"
    app.mount(ASSETS, StaticFiles(directory=folder), name="assets")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Volant: API",
            swagger_js_url=f"{ASSETS[1:]}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS[1:]}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS[1:]}/favicon-light-32x32.png",
        )
        page.headers.update(HEADERS)
        return page

    @app.get("/", include_in_schema=False)
    def first() -> RedirectResponse:
        return RedirectResponse("ui" if has_ui(app) else "docs")

    app.openapi = lambda: fill(_openapi(app), state)


def has_ui(app: FastAPI) -> bool:
    """Return True if the app has the web UI."""
    return getattr(app.state, "ui", False)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        tree = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
        schemas = tree.setdefault("components", {}).setdefault("schemas", {})
        for model in BODIES:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        tree["paths"] |= {path: {"get": _plain(path, *details)} for path, details in HEALTH.items()}
        app.openapi_schema = tree
    return app.openapi_schema


def _plain(path: str, summary: str, refusals: list[int]) -> dict[str, Any]:
    answer = {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
    responses = {str(status): answer for status in (200, *refusals)}
    return {"tags": ["health"], "summary": summary, "operationId": path[1:], "responses": responses}


def address() -> str:
    """Return the address of the service, as BentoML passes it to its workers."""
    return json.loads(os.environ.get("BENTOML_RUNNER_MAP", "{}")).get("volant", "http://localhost:3000")


def announce(has_ui: bool, is_open: bool) -> None:
    """Print the addresses of the web UI and the API, and warn if the service is exposed; only the first worker does.

    Args:
        has_ui: True if the web UI is available.
        is_open: True if no token is needed.
    """
    from bentoml import server_context

    if server_context.worker_index not in (None, 1):
        return
    ui = f"web UI at {address()}/ui, " if has_ui else ""
    print(f"Volant: {ui}API at {address()}/docs", flush=True)  # noqa: T201
    if is_open and is_exposed(address()):
        print(EXPOSED, file=sys.stderr, flush=True)  # noqa: T201


def is_exposed(address: str) -> bool:
    """Return True if other machines can reach the service.

    BentoML accepts only IP addresses, and shows the address of all interfaces as `localhost`.

    Example:
        >>> is_exposed("http://localhost:3000"), is_exposed("http://127.0.0.1:3000"), is_exposed("http://::1:3000")
        (True, False, False)
    """
    host = urlsplit(address).netloc.rpartition(":")[0].strip("[]")  # BentoML doesn't put brackets around IPv6 addresses
    return host == "localhost" or not ip_address(host).is_loopback
