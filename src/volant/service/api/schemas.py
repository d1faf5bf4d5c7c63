"""Requests and responses of the API, as its OpenAPI page shows them."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError
from starlette.requests import Request

from volant.service.access.bodies import offload
from volant.service.errors import RefusedError

NAME = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["reviews"])
Text = Annotated[str, Field(examples=["A fine film, moving and superb."])]


class Strict(BaseModel):
    """A request body that allows no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True)


Body = TypeVar("Body", bound=BaseModel)


class PredictRequest(Strict):
    """Texts to predict."""

    texts: Annotated[
        list[str],
        FailFast(),
        Field(min_length=1, description="One or many.", examples=[["A fine film.", "Dull."]]),
    ]
    model: Annotated[str | None, Field(description="Name of a deployment; optional if there is only one.")] = None
    top_k: Annotated[int, Field(ge=1, le=10_000, description="If more than 1: number of labels with scores.")] = 1
    all_scores: Annotated[bool, Field(description="Return the scores of all labels.")] = False


class SpanAnswer(BaseModel):
    """A labelled part of the text: characters `start` up to, not including, `end`, of the text as it was sent."""

    start: int
    end: int
    label: str
    score: Annotated[float, Field(description="Probability that boundaries and label are correct.")]


class TripleAnswer(BaseModel):
    """A fact that the text states; subject and object stand in the text as it was sent."""

    subject: str
    predicate: str
    object: str
    subject_at: Annotated[list[int] | None, Field(description="First character, and the one after the last.")] = None
    object_at: Annotated[list[int] | None, Field(description="First character, and the one after the last.")] = None
    score: Annotated[float | None, Field(description="Probability that the whole fact is correct.")] = None


class Prediction(BaseModel):
    """The prediction for one text; feedback refers to its `id`.

    A model returns the columns of its kind: `label`, `labels`, `spans`, `label` and `spans`, or `triples`.
    """

    id: str
    label: Annotated[str | None, Field(description="Label, if a text has exactly one.")] = None
    labels: Annotated[list[str] | None, Field(description="Labels, if a text has any number of them.")] = None
    spans: Annotated[list[SpanAnswer] | None, Field(description="Labelled parts, in the order of the text.")] = None
    triples: Annotated[list[TripleAnswer] | None, Field(description="Facts.")] = None
    in_scope: Annotated[
        bool | None, Field(description="False if the text probably has none of the labels, where the kind can tell.")
    ] = None
    score: Annotated[
        float | dict[str, float] | None,
        Field(description="Score of the label, or by label; of parts, the least one."),
    ] = None
    scores: Annotated[dict[str, float] | None, Field(description="On request; the highest first.")] = None


class PredictResponse(BaseModel):
    """The predictions of a request, in its order, with the model and the version that predicted."""

    model: str
    version: str
    predictions: list[Prediction]


class Problem(BaseModel):
    """The reason for a refused request: what was given, what is allowed, and what to do next."""

    error: Annotated[str, Field(examples=["No model is deployed as 'revews'. Deployed: reviews."])]


class ModelState(BaseModel):
    """A deployed model."""

    name: str
    flywheel: str
    follow: Literal["champion"] | None
    pinned: int | None
    version: Annotated[str | None, Field(description="Version in use.")]
    previous: Annotated[str | None, Field(description="Previous version, which stays in memory.")]
    ready: bool
    error: Annotated[str | None, Field(description="Reason why the requested version is not available.")]
    since: str | None
    swaps: int
    waiting: Annotated[int, Field(description="Number of queued texts.")]
    kind: str | None
    family: str | None
    labels: list[str] | None
    digest: str | None


class ModelList(BaseModel):
    """The deployments, and the state of the registry."""

    models: list[ModelState]
    registry: Annotated[str | None, Field(description="Error of the registry; null if it is available.")]


class DeployRequest(Strict):
    """A version of a flywheel to deploy under a name: the champion, or a pinned version."""

    name: Annotated[str, NAME]
    flywheel: Annotated[str, NAME]
    version: Annotated[int | None, Field(ge=1, le=2**31, description="Version to pin; null: follow the champion.")] = (
        None
    )


class ChangeRequest(Strict):
    """Changes to a deployment; omitted fields stay as they are."""

    name: Annotated[str | None, NAME] = None
    follow: Annotated[Literal["champion"] | None, Field(description="Follow the champion again.")] = None
    version: Annotated[int | None, Field(ge=1, le=2**31, description="Version to pin.")] = None


async def read(request: Request, model: type[Body]) -> Body:
    """Return the validated body of a request, several times faster than FastAPI does.

    Raises:
        RefusedError: 422 if the body doesn't match the model; the message names each key.
    """
    content = await request.body()
    try:
        return await offload(len(content), model.model_validate_json, content)
    except ValidationError as error:
        raise RefusedError(explain(error.errors(include_input=False, include_url=False))) from error


def explain(problems: Any) -> str:
    """Return the validation errors of a body as a message, without its values, which may be long or private.

    Example:
        >>> explain([{"loc": ("texts",), "msg": "Field required"}])
        'texts: Field required.'
    """
    lines = [f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems]
    return ". ".join(dict.fromkeys(lines[:10])) + "."


def body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of the body of a route that uses `read`."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the error responses of a route."""
    descriptions = {
        401: "A token is missing or wrong.",
        404: "The name does not exist.",
        409: "The request conflicts with the present state.",
        413: "The body is too large.",
        415: "The content type is not supported.",
        422: "The request is not valid; the message says why.",
        429: "Too many requests are queued; try again after `Retry-After` seconds.",
        503: "Not ready yet; try again after `Retry-After` seconds.",
        507: "The disk of the service is full; nothing was stored.",
    }
    return {status: {"model": Problem, "description": descriptions[status]} for status in statuses}
