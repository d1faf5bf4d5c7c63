"""Routes of feedback: any client may send it, an admin reads and reviews it."""

import logging
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from volant.errors import VolantError
from volant.kinds.record import TARGETS
from volant.monitor.captures import PredictionEvent
from volant.service.access.clients import client, client_key
from volant.service.access.guard import check_texts
from volant.service.api.schemas import NAME, Strict, problems
from volant.service.capture.capture import Capture
from volant.service.capture.event_ids import is_ours
from volant.service.deployments.pool import ModelPool
from volant.service.errors import RefusedError, on_disk
from volant.service.feedback import review as feedback_review
from volant.service.feedback import truth
from volant.service.feedback.intake import Feedback, ModelInfo, Submission
from volant.service.feedback.items import Item
from volant.workspace.terminal import plain

if TYPE_CHECKING:
    from volant.service.state import State

log = logging.getLogger("volant.service")
Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Label = Annotated[str, Field(min_length=1, max_length=1000)]
MOST = 1000  # labels, spans or facts of one text
LARGEST = 2**31 - 1  # as rows store offsets


class SpanGiven(BaseModel):
    """A labelled part of the text: characters `start` up to, not including, `end`; other keys are ignored."""

    model_config = ConfigDict(strict=True)

    start: Annotated[int, Field(ge=0, le=LARGEST)]
    end: Annotated[int, Field(ge=1, le=LARGEST)]
    label: Label


class TripleGiven(BaseModel):
    """A fact that the text states, its subject and object as they stand in the text; other keys are ignored."""

    model_config = ConfigDict(strict=True)

    subject: Label
    predicate: Label
    object: Label


class Gold(Strict):
    """The correct prediction, in the columns of the model's kind."""

    label: Annotated[Label | None, Field(description="Correct label, if a text has exactly one.")] = None
    labels: Annotated[list[Label] | None, Field(max_length=MOST, description="All correct labels.")] = None
    spans: Annotated[list[SpanGiven] | None, Field(max_length=MOST, description="All correct spans.")] = None
    triples: Annotated[list[TripleGiven] | None, Field(max_length=MOST, description="All correct facts.")] = None

    def columns(self) -> dict[str, Any] | None:
        """Return the columns that are given; None if none is. A label alone is returned as `labels`.

        Raises:
            RefusedError: 422 if both `label` and `labels` are given.
        """
        if self.label is not None and self.labels is not None:
            raise RefusedError("`label` and `labels` exclude each other. Send only one.")
        own = self.model_dump(include=set(TARGETS), exclude_none=True)
        return {"labels": [own["label"]]} if set(own) == {"label"} else own or None


class FeedbackRequest(Gold):
    """A thumb up or down, or the correct prediction, for an earlier prediction or for a text.

    `label` (or `labels`), `spans`, `triples`: those that the model's predictions have.
    """

    id: Annotated[Identity | None, Field(description="Id of the prediction.")] = None
    text: Annotated[str | None, Field(min_length=1, description="Text, without a prediction or if it has expired.")] = (
        None
    )
    model: Annotated[str | None, NAME, Field(description="Optional with an id, or if there is only one.")] = None
    correct: Annotated[bool | None, Field(description="Thumb up or down.")] = None
    comment: Annotated[str, Field(max_length=2000)] = ""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"example": {"text": "A fine film.", "label": "fresh"}}
    )


class FeedbackState(BaseModel):
    """The state of feedback; models are trained on it once it is reviewed, or enough clients agree."""

    id: str
    status: Literal["quarantined", "accepted", "rejected"]
    reasons: list[str]


class FeedbackItem(FeedbackState):
    """Feedback for a reviewer; text and comment are redacted."""

    event_id: str
    flywheel: str
    model: str
    version: str | None
    text: str | None
    predicted: Annotated[list[str] | None, Field(description="Labels of the prediction.")]
    labels: Annotated[list[str] | None, Field(description="Labels of the correct prediction.")]
    prediction: Annotated[dict[str, Any] | None, Field(description="The prediction, in the columns of the kind.")]
    gold: Annotated[dict[str, Any] | None, Field(description="The correct prediction, in the columns of the kind.")]
    correct: bool | None
    comment: str
    client: Annotated[str, Field(description="Hash of the client: the same for the same client, but anonymous.")]
    time: str
    by: str | None
    dataset: str | None


class ReviewRequest(Gold):
    """A decision on feedback: it applies to all of these ids, or to none. A correction replaces the client's."""

    flywheel: Annotated[str, NAME]
    ids: Annotated[list[Identity], Field(min_length=1, max_length=1000)]
    decision: Literal["accept", "reject"]

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"example": {"flywheel": "reviews", "ids": ["an-id"], "decision": "accept"}},
    )


def router(state: "State", feedback: Feedback, capture: Capture | None = None) -> APIRouter:
    """Return the routes of feedback.

    Args:
        state: The service.
        feedback: Intake of feedback.
        capture: Recent predictions by id.
    """
    routes = APIRouter(prefix="/feedback", tags=["feedback"])
    key = client_key(state.root)

    @routes.post("", response_model=FeedbackState, responses=problems(401, 404, 413, 422, 429, 503, 507))
    def give(body: FeedbackRequest, request: Request, background: BackgroundTasks) -> Any:
        """Report a prediction as correct or wrong, or send the correct label. It is stored before this returns."""
        sender = client(request, state.tokens, key)
        feedback.admit(sender)
        check_texts([text for text in (body.text, body.comment) if text], state.settings.limits)
        event = capture.find(body.id) if capture and body.id else None
        model = model_info(state, body, event)
        with on_disk("feedback"):
            item = feedback.add(submission(body, sender, _event_id(body, event, key)), model, event)
        if capture and event:
            capture.keep(event)
        if item.status == "accepted" and not item.published:
            background.add_task(publish, feedback, item.flywheel)
        return fields(item, FeedbackState)

    @routes.get("", response_model=list[FeedbackItem], dependencies=[state.admin()], responses=problems(401, 422))
    def list_items(
        flywheel: Annotated[str, NAME],
        status: Literal["quarantined", "accepted", "rejected"] | None = None,
        limit: Annotated[int, Field(ge=1, le=10_000)] = 1000,
    ) -> Any:
        """List the feedback of a flywheel, the newest first."""
        return [fields(item, FeedbackItem) for item in reversed(feedback.log.items(flywheel, status)[-limit:])]

    @routes.post(
        "/review",
        response_model=list[FeedbackItem],
        dependencies=[state.admin()],
        responses=problems(401, 404, 409, 413, 422, 507),
    )
    def review(body: ReviewRequest, background: BackgroundTasks) -> Any:
        """Accept or reject feedback. `volant feedback accept FLYWHEEL` makes a dataset of the accepted items."""
        with on_disk("the review"):
            if body.decision == "reject":
                items = feedback_review.reject(feedback.log, body.flywheel, body.ids, "admin")
            else:
                decision = (body.flywheel, body.ids, "admin", body.columns())
                items = feedback_review.accept(feedback.log, *decision, texts=feedback.texts)
                background.add_task(publish, feedback, body.flywheel)
        return [fields(item, FeedbackItem) for item in items]

    return routes


def _event_id(body: FeedbackRequest, event: PredictionEvent | None, key: bytes) -> str | None:
    """Return the id to store feedback under: only one that the service generated, since ground truth is joined by it.

    Without a text, an unknown id is looked up in the captures before the feedback can be accepted.
    """
    if body.id is None or event or body.text is None:
        return body.id
    return body.id if is_ours(body.id, key) else None


def submission(body: FeedbackRequest, sender: str, event_id: str | None) -> Submission:
    """Return the content of a feedback request.

    Args:
        body: The request.
        sender: The client, as a keyed hash.
        event_id: Id of the prediction that the feedback is about.

    Fails with `RefusedError` (422) if both `label` and `labels` are given.
    """
    return Submission(
        client=sender,
        event_id=event_id,
        text=body.text,
        correct=body.correct,
        comment=body.comment,
        columns=body.columns(),
    )


def model_info(state: "State", body: FeedbackRequest, event: PredictionEvent | None) -> ModelInfo:
    """Return the model that feedback is about.

    Args:
        state: The service.
        body: The request.
        event: The prediction that the feedback is about, if it is known.

    Raises:
        RefusedError: 404 if the model isn't deployed, 503 if it has no version yet, 422 if it isn't named and several
            are deployed.
    """
    name = _present_name(state.models, event, body.model) if event else state.models.resolve(body.model)
    version = state.models.current(name)
    if event and event.flywheel not in (None, version.flywheel):
        names = ", ".join(sorted(state.models.slots))
        raise RefusedError(f"{event.flywheel}, which made this prediction, is not deployed. Deployed: {names}.", 404)
    return ModelInfo(name, version.flywheel, version.bundle.kind.name, version.bundle.labels)


def _present_name(models: ModelPool, event: PredictionEvent, model: str | None) -> str:
    """Return the present deployment of the flywheel that predicted, as it may have been renamed or removed since."""
    slots = models.slots
    for name in (event.model, model or "", *(sorted(slots) if event.flywheel else ())):
        version = slots[name].current if name in slots else None
        if version and event.flywheel in (None, version.flywheel):
            return name
    return event.model


def publish(feedback: Feedback, flywheel: str) -> None:
    """Write accepted feedback to the lake; if that fails, the next accepted feedback retries it.

    Args:
        feedback: Intake of feedback.
        flywheel: Name of the flywheel.
    """
    try:
        truth.publish(feedback.log, flywheel)
    except (VolantError, OSError) as error:  # such as a full disk
        log.warning("Ground truth of %s is not in the lake yet: %s", flywheel, plain(str(error)))


def fields(item: Item, model: type[FeedbackState]) -> dict[str, Any]:
    """Return the fields of an item that a response contains.

    Args:
        item: The item.
        model: Model of the response.
    """
    return {key: value for key, value in item.to_json().items() if key in model.model_fields}
