"""All routes of the service as one FastAPI app."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from volant.service.api import deployments, docs, inference_v2, predict, problems, sagemaker
from volant.service.state import State


def build(state: State, more: Sequence[APIRouter] = ()) -> FastAPI:
    """Return an app with all routes of the service, without those of BentoML.

    Args:
        state: The service.
        more: Routers in addition to those that predict and deploy.
    """
    app = FastAPI(title="Volant", version="1", docs_url=None, redoc_url=None, separate_input_output_schemas=False)
    for part in (predict, deployments, inference_v2, sagemaker):
        app.include_router(part.router(state))
    for router in more:
        app.include_router(router)
    docs.add(app, state)
    problems.handle(app)
    return app
