"""Intake of feedback: limited, validated, stored, and screened."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from volant.kinds import KINDS
from volant.kinds.canonical import canonical
from volant.kinds.record import Annotation
from volant.monitor.captures import PredictionEvent
from volant.monitor.redact import is_redacted, redact, redact_annotated
from volant.service import settings
from volant.service.access.rate import Rate
from volant.service.errors import RefusedError
from volant.service.feedback.given import Columns, given, require_fit, require_labels
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
        labels: The correct labels of the whole text, if the client gives them.
        columns: The correct columns of the kind instead, such as `spans`.
        correct: Thumb up or down.
        comment: A comment.
    """

    client: str
    event_id: str | None = None
    text: str | None = None
    labels: tuple[str, ...] | None = None
    correct: bool | None = None
    comment: str = ""
    columns: Columns | None = None

    @property
    def given(self) -> Columns | None:
        """The correct columns, if the client gives any."""
        return self.columns if self.labels is None else {"labels": list(self.labels)}


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
            content = (item.gold, item.correct)
            if same := next((other for other in own if (other.gold, other.correct) == content), None):
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
                agreeing = [other.id for other in waiting if other.gold == item.gold]
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
        kind = KINDS[model.kind]
        prediction = canonical(kind, event.annotation) if event else None
        identity = uuid4().hex
        if submission.text is None and submission.event_id is None:
            raise RefusedError('The feedback refers to nothing. Send {"id": …} of a prediction, or {"text": …}.')
        text, gold = self._gold(submission, model, event, prediction)
        return Item(
            id=identity,
            event_id=submission.event_id or identity,
            flywheel=model.flywheel,
            model=event.model if event else model.name,  # the name under which it was captured
            version=event.version if event else None,
            kind=model.kind,
            text=text,
            key=f"id {submission.event_id}" if text is None else key_of(text),
            prediction=prediction,
            gold=gold,
            correct=submission.correct,
            comment=redact(submission.comment, self._redacted),
            client=submission.client,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )

    def _gold(
        self, submission: Submission, model: ModelInfo, event: PredictionEvent | None, prediction: str | None
    ) -> tuple[str | None, str | None]:
        """Return the redacted text, if it is known, and the correct columns as canonical JSON.

        Raises:
            RefusedError: 422 if the feedback is empty, contradictory, or doesn't fit the text or the model.
        """
        kind = KINDS[model.kind]
        raw = submission.text if event is None or submission.text else event.text
        # redacted in both cases, by id and by text, so that both give the same key
        text = event.text if event else raw and redact(raw, self._redacted)
        if submission.given is None:
            return text, _confirmed(submission, prediction)
        annotation = given(kind, submission.given, model.name)
        require_labels(annotation, kind, model.labels, model.name)
        if kind.head != "text":
            annotation = self._placed(annotation, raw, text, sent=submission.text is not None)
        gold = canonical(kind, annotation)
        if submission.correct is not None and prediction is not None and submission.correct != (gold == prediction):
            name = " and ".join(f"`{column}`" for column in kind.columns)
            raise RefusedError(f"`correct` contradicts {name}. Send only one.")
        return text, gold

    def _placed(self, annotation: Annotation, raw: str | None, text: str | None, sent: bool) -> Annotation:
        """Return parts of the raw text as those of the redacted one.

        Args:
            annotation: Parts of the raw text.
            raw: The text that the client sent, or that of the prediction.
            text: The redacted text.
            sent: True if the client sent the text.

        Raises:
            RefusedError: 422 if they are not in the text, or the text isn't known as the client knows it.
        """
        if raw is None or text is None:
            raise RefusedError("This prediction has expired. Send its `text` too: its parts are compared with it.")
        if not sent and is_redacted(raw):
            raise RefusedError("The stored text of this prediction is redacted. Send its `text` too.")
        if redact(raw, self._redacted) != text:
            raise RefusedError("`text` is not that of the prediction. Send the same text, or omit `id`.")
        require_fit(annotation, raw)
        return redact_annotated(raw, annotation, self._redacted)[1]


def _confirmed(submission: Submission, prediction: str | None) -> str | None:
    """Return the prediction if the client says that it is correct; None if it only reports it as wrong.

    Raises:
        RefusedError: 422 if the feedback says nothing.
    """
    if submission.correct is None:
        raise RefusedError('The feedback is empty. Send "correct": true or false, or the correct "label".')
    if submission.correct and prediction is None:
        raise RefusedError('For a text, or an expired prediction, give the correct "label".')
    return prediction if submission.correct else None
