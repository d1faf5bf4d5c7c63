"""Every route of the service as one FastAPI app."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from volant.service import deploying, inference_v2, pages, predict, sagemaker
from volant.service.limits import CHALLENGES
from volant.service.refused import RefusedError
from volant.service.schemas import Problem, explain
from volant.service.state import State


def build(state: State, more: Sequence[APIRouter] = ()) -> FastAPI:
    """Every route of the service, without what BentoML adds.

    Args:
        state: The service.
        more: Routers beside those that predict and deploy.
    """
    app = FastAPI(title="Volant", version="1", docs_url=None, redoc_url=None, separate_input_output_schemas=False)
    for part in (predict, deploying, inference_v2, sagemaker):
        app.include_router(part.router(state))
    for router in more:
        app.include_router(router)
    pages.add(app, state)
    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


async def refused(_: Request, error: Exception) -> Response:
    """A refusal as an answer of HTTP."""
    assert isinstance(error, RefusedError)  # noqa: S101  (it is registered for these)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    response = JSONResponse(Problem(error=str(error)).model_dump(), error.status, headers)
    for challenge in CHALLENGES if error.status == 401 else ():
        response.headers.append("WWW-Authenticate", challenge)
    return response


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return JSONResponse(Problem(error=explain(error.errors())).model_dump(), 422)
