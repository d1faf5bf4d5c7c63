"""Routes of feedback: any client may give it, an admin reads and reviews it."""

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from volant.errors import VolantError
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


class FeedbackRequest(Strict):
    """A thumb up or down, or the correct label, for an earlier prediction or for a text."""

    id: Annotated[Identity | None, Field(description="Of the prediction.")] = None
    text: Annotated[str | None, Field(min_length=1, description="Where there is no prediction, or it is long ago.")] = (
        None
    )
    model: Annotated[str | None, NAME, Field(description="May be left out with an id, or if there is only one.")] = None
    label: Annotated[Label | None, Field(description="The right one, where a text has one label.")] = None
    labels: Annotated[list[Label] | None, Field(max_length=1000, description="All right ones.")] = None
    correct: Annotated[bool | None, Field(description="Thumb up or down.")] = None
    comment: Annotated[str, Field(max_length=2000)] = ""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"example": {"text": "A fine film.", "label": "fresh"}}
    )


class FeedbackState(BaseModel):
    """The state of feedback; once it is reviewed, or enough clients agree, a model may learn from it."""

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
    predicted: list[str] | None
    labels: list[str] | None
    correct: bool | None
    comment: str
    client: Annotated[str, Field(description="A hash: who it is can't be told, whether it is the same can.")]
    time: str
    by: str | None
    dataset: str | None


class ReviewRequest(Strict):
    """A decision on feedback: it applies to all of these ids, or to none."""

    flywheel: Annotated[str, NAME]
    ids: Annotated[list[Identity], Field(min_length=1, max_length=1000)]
    decision: Literal["accept", "reject"]
    labels: Annotated[list[Label] | None, Field(description="The right ones, instead of the client's.")] = None

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
        capture: Recent answers by id.
    """
    routes = APIRouter(prefix="/feedback", tags=["feedback"])
    key = client_key(state.root)

    @routes.post("", response_model=FeedbackState, responses=problems(401, 404, 413, 422, 429, 503, 507))
    def give(asked: FeedbackRequest, request: Request, later: BackgroundTasks) -> Any:
        """Report a prediction as correct or wrong, or give the correct label. It is stored before this returns."""
        who = client(request, state.tokens, key)
        feedback.admit(who)
        check_texts([text for text in (asked.text, asked.comment) if text], state.settings.limits)
        answered = capture.find(asked.id) if capture and asked.id else None
        model = deployed(state, asked, answered)
        with on_disk("feedback"):
            item = feedback.add(said(asked, who, _about(asked, answered, key)), model, answered)
        if capture and answered:
            capture.keep(answered)
        if item.status == "accepted" and not item.published:
            later.add_task(publish, feedback, item.flywheel)
        return shown(item, FeedbackState)

    @routes.get("", response_model=list[FeedbackItem], dependencies=[state.admin()], responses=problems(401, 422))
    def list_items(
        flywheel: Annotated[str, NAME],
        status: Literal["quarantined", "accepted", "rejected"] | None = None,
        limit: Annotated[int, Field(ge=1, le=10_000)] = 1000,
    ) -> Any:
        """List the feedback of a flywheel, the newest first."""
        return [shown(item, FeedbackItem) for item in reversed(feedback.log.items(flywheel, status)[-limit:])]

    @routes.post(
        "/review",
        response_model=list[FeedbackItem],
        dependencies=[state.admin()],
        responses=problems(401, 404, 409, 413, 422, 507),
    )
    def review(asked: ReviewRequest, later: BackgroundTasks) -> Any:
        """Accept or reject feedback. `volant feedback accept FLYWHEEL` makes a dataset of what was accepted."""
        with on_disk("the review"):
            if asked.decision == "reject":
                items = feedback_review.reject(feedback.log, asked.flywheel, asked.ids, "admin")
            else:
                given = (asked.flywheel, asked.ids, "admin", asked.labels)
                items = feedback_review.accept(feedback.log, *given, known=feedback.texts)
                later.add_task(publish, feedback, asked.flywheel)
        return [shown(item, FeedbackItem) for item in items]

    return routes


def _about(asked: FeedbackRequest, answered: PredictionEvent | None, key: bytes) -> str | None:
    """Return the id to store feedback under: only one that the service made, since ground truth is joined by it.

    Without a text, an unknown id is looked up in the captures before the feedback can be accepted.
    """
    if asked.id is None or answered or asked.text is None:
        return asked.id
    return asked.id if is_ours(asked.id, key) else None


def said(asked: FeedbackRequest, who: str, event_id: str | None) -> Submission:
    """Return the content of a feedback request.

    Args:
        asked: The request.
        who: The client, as a keyed hash.
        event_id: Id of the answer that the feedback is about.

    Raises:
        RefusedError: 422 if both `label` and `labels` are given.
    """
    if asked.label is not None and asked.labels is not None:
        raise RefusedError("`label` and `labels` exclude each other: give one.")
    labels = asked.labels if asked.label is None else [asked.label]
    return Submission(
        who, event_id, asked.text, None if labels is None else tuple(labels), asked.correct, asked.comment
    )


def deployed(state: "State", asked: FeedbackRequest, answered: PredictionEvent | None) -> ModelInfo:
    """Return the model that feedback is about.

    Args:
        state: The service.
        asked: The request.
        answered: The answer that the feedback is about, if it is known.

    Raises:
        RefusedError: 404 if the model isn't deployed, 503 if it has no version yet, 422 if it isn't named and several
            are deployed.
    """
    name = _still(state.models, answered, asked.model) if answered else state.models.resolve(asked.model)
    now = state.models.current(name)
    if answered and answered.flywheel not in (None, now.flywheel):
        known = ", ".join(sorted(state.models.slots))
        raise RefusedError(f"Of {answered.flywheel}, which gave this answer, no version is deployed: {known}.", 404)
    return ModelInfo(name, now.flywheel, now.bundle.kind.name, now.bundle.labels)


def _still(models: ModelPool, answered: PredictionEvent, asked: str | None) -> str:
    """Return the present deployment of the flywheel that answered, as it may have been renamed or removed since."""
    slots = models.slots
    for name in (answered.model, asked or "", *(sorted(slots) if answered.flywheel else ())):
        now = slots[name].current if name in slots else None
        if now and answered.flywheel in (None, now.flywheel):
            return name
    return answered.model


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


def shown(item: Item, form: type[FeedbackState]) -> dict[str, Any]:
    """Return the fields of an item that an answer shows.

    Args:
        item: The item.
        form: Model of the answer.
    """
    return {key: value for key, value in asdict(item).items() if key in form.model_fields}
