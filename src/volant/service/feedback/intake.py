"""Intake of feedback: limited, validated, stored, and screened."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from volant.errors import did_you_mean
from volant.kinds import KINDS
from volant.monitor.captures import PredictionEvent
from volant.monitor.redact import redact
from volant.service import settings
from volant.service.access.rate import Rate
from volant.service.errors import RefusedError
from volant.service.feedback.items import Item, change
from volant.service.feedback.log import FeedbackLog
from volant.service.feedback.screening import DatasetTexts, judge, key_of

MOST_WAITING = 10_000  # maximum of all clients; twice as many for a client with little feedback waiting
FEW = 10
ALL = ("email", "phone", "url", "user")


@dataclass(frozen=True)
class ModelInfo:
    """The properties of the model that feedback is about."""

    name: str
    flywheel: str
    kind: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Submission:
    """The feedback of a client on a prediction or a text.

    Attributes:
        client: The client, as a keyed hash.
        event_id: Id of the prediction.
        text: The text, if there is no id or it has expired.
        labels: The correct labels, if the client gives them.
        correct: Thumb up or down.
        comment: A comment.
    """

    client: str
    event_id: str | None = None
    text: str | None = None
    labels: tuple[str, ...] | None = None
    correct: bool | None = None
    comment: str = ""


class Feedback:
    """The intake of feedback for all flywheels of a project.

    Args:
        config: Settings of feedback; defaults if None.
        redacted: Names of the `REDACTORS` that are applied to texts and comments.
        root: The project's root.

    Attributes:
        log: The log of feedback.
        texts: Texts of the datasets.
    """

    def __init__(
        self, config: settings.Feedback | None = None, redacted: Sequence[str] = ALL, root: Path = Path()
    ) -> None:
        self.log = FeedbackLog(root)
        self._config = config or settings.Feedback()
        self._redacted = tuple(redacted)
        self._rate = Rate(self._config.per_client_per_minute, root)
        self.texts = DatasetTexts(root, redacted)

    def admit(self, client: str) -> None:
        """Count one request of a client.

        Raises:
            RefusedError: 429 if the client sends too many requests.
        """
        if wait := self._rate.wait(client):
            limit = f"feedback.per_client_per_minute is {self._config.per_client_per_minute}"
            raise RefusedError(f"Too much feedback from one client: {limit}. Try again later.", 429, int(wait) + 1)

    def add(self, submission: Submission, model: ModelInfo, event: PredictionEvent | None = None) -> Item:
        """Add feedback of a client; it is on disk when this returns, and a repetition changes nothing.

        Invalid feedback is refused with 422; with 429 if too much waits for review.

        Args:
            submission: The feedback.
            model: The model that it is about.
            event: The prediction that it is about, if it is known.
        """
        item = self._item(submission, model, event)
        texts = self.texts.of(model.flywheel)
        with self.log.opened(model.flywheel) as (items, write):
            others = [other for other in items.values() if item.key == other.key]
            own = [other for other in others if other.client == item.client and other.by != "client"]
            content = (item.labels, item.correct)
            if same := next((other for other in own if (other.labels, other.correct) == content), None):
                return same
            self._require_room(item.client, items.values())
            replaced = [other.id for other in own if other.status == "quarantined"]
            others = [other for other in others if other.id not in replaced]
            status, reasons = judge(item, others, texts, self._config.quorum)
            by = {"accepted": "quorum", "rejected": "firewall"}.get(status)
            entries = [item.entry | change([item.id], status=status, reasons=reasons, by=by)]
            if replaced:
                entries.append(change(replaced, status="rejected", reasons=("the client changed it",), by="client"))
            if status == "accepted":
                waiting = [other for other in others if other.status == "quarantined"]
                agreeing = [other.id for other in waiting if other.labels == item.labels]
                entries.append(change(agreeing, status=status, reasons=reasons, by=by))
            write(entries)
            return items[item.id]

    def _require_room(self, client: str, items: Iterable[Item]) -> None:
        """Refuse a client with too much feedback waiting; others can't use up the room of a client with little.

        Raises:
            RefusedError: 429.
        """
        waiting = Counter(item.client for item in items if item.status == "quarantined")
        own = waiting[client]
        most = self._config.waiting_per_client
        if own >= most:
            reason = f"{own:,} items of your feedback wait for review; feedback.waiting_per_client is {most:,}."
        elif waiting.total() >= (MOST_WAITING if own >= FEW else 2 * MOST_WAITING):
            reason = f"{waiting.total():,} items of feedback wait for review."
        else:
            return
        raise RefusedError(f"{reason} No further items are accepted. Try again when some are reviewed.", 429, 600)

    def _item(self, submission: Submission, model: ModelInfo, event: PredictionEvent | None) -> Item:
        predicted = tuple(sorted(event.labels)) if event else None
        text = event.text if event else submission.text
        identity = uuid4().hex
        if text is None and submission.event_id is None:
            raise RefusedError('The feedback refers to nothing. Send {"id": …} of a prediction, or {"text": …}.')
        # redacted in both cases, by id and by text, so that both give the same key
        text = None if text is None else redact(text, self._redacted)
        return Item(
            id=identity,
            event_id=submission.event_id or identity,
            flywheel=model.flywheel,
            model=event.model if event else model.name,  # the name under which it was captured
            version=event.version if event else None,
            kind=model.kind,
            text=text,
            key=f"id {submission.event_id}" if text is None else key_of(text),
            predicted=predicted,
            labels=_correct_labels(submission, model, predicted),
            correct=submission.correct,
            comment=redact(submission.comment, self._redacted),
            client=submission.client,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )


def _correct_labels(
    submission: Submission, model: ModelInfo, predicted: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return the correct labels according to a client; None if it only reports the prediction as wrong.

    Raises:
        RefusedError: 422 if the feedback is empty, contradictory, or refers to labels that the model doesn't have.
    """
    correct = submission.correct
    if submission.labels is None:
        if correct is None:
            raise RefusedError('The feedback is empty. Send "correct": true or false, or the correct "label".')
        if correct and predicted is None:
            raise RefusedError('For a text, or an expired prediction, give the correct "label".')
        return predicted if correct else None
    _check_labels(submission.labels, model)
    labels = tuple(sorted(set(submission.labels)))
    if correct is not None and predicted is not None and correct != (labels == predicted):
        field = "label" if KINDS[model.kind].exclusive else "labels"
        raise RefusedError(f"`correct` contradicts `{field}`. Send only one.")
    return labels


def _check_labels(labels: tuple[str, ...], model: ModelInfo) -> None:
    for label in labels:
        if label not in model.labels:
            allowed = ", ".join(model.labels[:20])
            hint = did_you_mean(label[:100], model.labels)
            raise RefusedError(f"'{label[:100]}' is not a label of {model.name}.{hint} Allowed: {allowed}.")
    if KINDS[model.kind].exclusive and len(labels) != 1:
        raise RefusedError(f"{model.name} assigns one label to each text; {len(labels)} were given.")
