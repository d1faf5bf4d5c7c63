"""Prediction events: the records of predictions that sinks such as capture and metrics receive."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Protocol
from uuid import uuid4

from volant.kinds import KINDS, answers, kind_of_row
from volant.kinds.calibration import DIGITS
from volant.kinds.record import Annotation
from volant.monitor.redact import redact_annotated
from volant.workspace.objects import Store


@dataclass(frozen=True, slots=True)
class PredictionEvent:
    """One text of one request, and its prediction.

    Attributes:
        event_id: Id of the prediction; feedback refers to it.
        model: Name of the deployment.
        version: Version of the model that predicted.
        text: The raw text.
        kind: Kind of task of the model.
        annotation: The prediction.
        time: Time of the prediction, in UTC.
        flywheel: Flywheel of the version, as a deployment may be renamed or removed; None in old captures.
    """

    event_id: str
    model: str
    version: str
    text: str
    kind: str
    annotation: Annotation
    time: datetime
    flywheel: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The predicted labels."""
        return KINDS[self.kind].labels_of(self.annotation)

    @property
    def score(self) -> float:
        """The probability of the whole prediction."""
        return KINDS[self.kind].confidence(self.annotation)


class Sink(Protocol):
    """A receiver of prediction events; called outside the request, from any thread."""

    def put(self, events: Sequence[PredictionEvent]) -> None:
        """Accept events; return at once and never raise."""
        ...

    def close(self) -> None:
        """Process the accepted events; called once, when the service stops."""
        ...


FOLDER = "captures"


def sampled(event_id: str, percent: float) -> bool:
    """Return True if a prediction is captured: decided by its id alone, so that all processes and restarts agree.

    Example:
        >>> sampled("an id", 100), sampled("an id", 0)
        (True, False)
    """
    return int.from_bytes(blake2b(event_id.encode(), digest_size=4).digest()) < percent / 100 * 2**32


def row(event: PredictionEvent, redacted: Sequence[str]) -> str:
    """Return an event as one line of a capture file.

    Args:
        event: The event.
        redacted: Names of the `REDACTORS` that are applied to its text.
    """
    kind = KINDS[event.kind]
    scores = {label: round(float(score), DIGITS) for label, score in event.annotation.scores.items()}
    # an unpaired surrogate can't be written, and must not block the other rows
    raw = event.text.encode(errors="replace").decode()
    text, annotation = redact_annotated(raw, event.annotation, redacted)
    output = {**answers.row(kind, annotation), "score": round(event.score, DIGITS), "scores": scores}
    time = event.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    metadata = {"eventId": event.event_id, "inferenceTime": time}
    metadata |= {"modelName": event.model, "modelVersion": event.version}
    metadata |= {"flywheel": event.flywheel} if event.flywheel else {}
    data = {
        "endpointInput": _part("INPUT", {"text": text}),
        "endpointOutput": _part("OUTPUT", output),
    }
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}, ensure_ascii=False)


def folder(kind: str, model: str, time: datetime) -> str:
    """Return the folder of the rows of an hour.

    Args:
        kind: Top folder, such as `captures`.
        model: Name of the deployment.
        time: Time of the rows, in UTC.

    Example:
        >>> folder("captures", "reviews", datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
        'captures/reviews/2026/11/21/09'
    """
    return f"{kind}/{model}/{time.astimezone(UTC):%Y/%m/%d/%H}"


def name() -> str:
    """Return a name for a new file, with minute and second as in SageMaker's data capture."""
    return f"{datetime.now(UTC):%M-%S-%f}-{uuid4().hex}.jsonl"


def find(store: Store, model: str, ids: Collection[str], most_files: int = 5000) -> Iterator[PredictionEvent]:
    """Yield the captured events with these ids, from the newest files first; their texts are redacted.

    A store that can't be read causes a `VolantError`.

    Args:
        store: Store of the captures.
        model: Name of the deployment that predicted.
        ids: Ids of the events.
        most_files: Maximum number of files that are read.
    """
    missing = set(ids)
    for key in sorted(store.keys(f"{FOLDER}/{model}"), reverse=True)[:most_files]:
        if not missing:
            return
        text = store.read(key)
        if not any(event_id in text for event_id in missing):
            continue
        for line in text.split("\n"):
            if line and (event := read(line)).event_id in missing:
                missing.discard(event.event_id)
                yield event


def read(line: str) -> PredictionEvent:
    """Return the event in a line of a capture file, the inverse of `row`."""
    tree = json.loads(line)
    metadata = tree["eventMetadata"]
    data = tree["captureData"]
    output = json.loads(data["endpointOutput"]["data"])
    kind = kind_of_row(output)
    return PredictionEvent(
        event_id=metadata["eventId"],
        model=metadata["modelName"],
        version=metadata["modelVersion"],
        text=json.loads(data["endpointInput"]["data"])["text"],
        kind=kind.name,
        annotation=replace(answers.read_row(kind, output), scores=output["scores"]),
        time=datetime.fromisoformat(metadata["inferenceTime"]),
        flywheel=metadata.get("flywheel"),
    )


def _part(mode: str, data: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(data, ensure_ascii=False)
    return {"observedContentType": "application/json", "mode": mode, "data": text, "encoding": "JSON"}
