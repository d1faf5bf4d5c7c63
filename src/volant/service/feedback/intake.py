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
        book: The journals.
        known: Texts of the data sets.
    """

    def __init__(
        self, config: settings.Feedback | None = None, redacted: Sequence[str] = ALL, root: Path = Path()
    ) -> None:
        self.book = FeedbackLog(root)
        self._config = config or settings.Feedback()
        self._redacted = tuple(redacted)
        self._rate = Rate(self._config.per_client_per_minute, root)
        self.texts = DatasetTexts(root, redacted)

    def admit(self, client: str) -> None:
        """Count one request of a client.

        Raises:
            RefusedError: 429 if the client sends too many.
        """
        if wait := self._rate.wait(client):
            limit = f"feedback.per_client_per_minute is {self._config.per_client_per_minute}"
            raise RefusedError(f"Too much feedback from one client: {limit}. Try again later.", 429, int(wait) + 1)

    def add(self, said: Submission, model: ModelInfo, answered: PredictionEvent | None = None) -> Item:
        """Add feedback of a client; it is on disk when this returns, and a repetition changes nothing.

        Args:
            said: The feedback.
            model: The model that it is about.
            answered: The prediction that it is about, if it is known.

        Raises:
            RefusedError: 422 if the feedback is invalid, 429 if too much waits for review.
        """
        item = self._item(said, model, answered)
        known = self.texts.of(model.flywheel)
        with self.book.opened(model.flywheel) as (items, write):
            others = [one for one in items.values() if item.key == one.key]
            own = [one for one in others if one.client == item.client and one.by != "client"]
            if same := next((one for one in own if (one.labels, one.correct) == (item.labels, item.correct)), None):
                return same
            self._require_room(item.client, items.values())
            gone = [one.id for one in own if one.status == "quarantined"]
            others = [one for one in others if one.id not in gone]
            status, reasons = judge(item, others, known, self._config.quorum)
            by = {"accepted": "quorum", "rejected": "firewall"}.get(status)
            entries = [item.entry | change([item.id], status=status, reasons=reasons, by=by)]
            entries += (
                [change(gone, status="rejected", reasons=("the client changed it",), by="client")] if gone else []
            )
            if status == "accepted":
                agree = [one.id for one in others if one.status == "quarantined" and one.labels == item.labels]
                entries.append(change(agree, status=status, reasons=reasons, by=by))
            write(entries)
            return items[item.id]

    def _require_room(self, client: str, items: Iterable[Item]) -> None:
        """Refuse a client with too much feedback waiting; others can't use up the room of a client with little.

        Raises:
            RefusedError: 429.
        """
        waiting = Counter(one.client for one in items if one.status == "quarantined")
        own = waiting[client]
        most = self._config.waiting_per_client
        if own >= most:
            told = f"{own:,} of your feedbacks wait for review; feedback.waiting_per_client is {most:,}."
        elif waiting.total() >= (MOST_WAITING if own >= FEW else 2 * MOST_WAITING):
            told = f"{waiting.total():,} feedbacks wait for review."
        else:
            return
        raise RefusedError(f"{told} No more are taken now. Try again when some are reviewed.", 429, 600)

    def _item(self, said: Submission, model: ModelInfo, answered: PredictionEvent | None) -> Item:
        predicted = None
        if answered:
            predicted = tuple(sorted(answered.labels))
        text = answered.text if answered else said.text
        identity = uuid4().hex
        if text is None and said.event_id is None:
            raise RefusedError('Say what it is about: {"id": …} of a prediction, or {"text": …}.')
        # redacted in both cases, by id and by text, so that both give the same key
        text = None if text is None else redact(text, self._redacted)
        return Item(
            id=identity,
            event_id=said.event_id or identity,
            flywheel=model.flywheel,
            model=answered.model if answered else model.name,  # the name under which it was captured
            version=answered.version if answered else None,
            kind=model.kind,
            text=text,
            key=f"id {said.event_id}" if text is None else key_of(text),
            predicted=predicted,
            labels=_right(said, model, predicted),
            correct=said.correct,
            comment=redact(said.comment, self._redacted),
            client=said.client,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )


def _right(said: Submission, model: ModelInfo, predicted: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the labels that are correct by a client's feedback; None if it only says that the prediction is wrong.

    Raises:
        RefusedError: 422 if the feedback is empty or contradictory, or names labels that the model doesn't have.
    """
    if said.labels is None:
        if said.correct is None:
            raise RefusedError('Say "correct": true or false, or the right "label".')
        if said.correct and predicted is None:
            raise RefusedError('Of a text, or a prediction that is not known any more, name the right "label".')
        return predicted if said.correct else None
    for label in said.labels:
        if label not in model.labels:
            shown = ", ".join(model.labels[:20])
            hint = did_you_mean(label[:100], model.labels)
            raise RefusedError(f"'{label[:100]}' is no label of {model.name}.{hint} Its labels: {shown}.")
    if KINDS[model.kind].exclusive and len(said.labels) != 1:
        raise RefusedError(f"{model.name} gives each text one label; {len(said.labels)} were given.")
    labels = tuple(sorted(set(said.labels)))
    if said.correct is not None and predicted is not None and said.correct != (labels == predicted):
        wrong = "correct, and other labels than the model's" if said.correct else "wrong, and the model's own labels"
        raise RefusedError(f"It is said to be {wrong}. Say one of the two.")
    return labels
