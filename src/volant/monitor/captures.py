"""A prediction that was returned to a client, as sinks such as capture and metrics receive it."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Protocol
from uuid import uuid4

from volant.kinds import KINDS, kind_of_row
from volant.kinds.calibration import DIGITS
from volant.kinds.record import Annotation
from volant.monitor.redact import redact
from volant.workspace.objects import Store


@dataclass(frozen=True, slots=True)
class Answered:
    """One text of one request, and its prediction.

    Attributes:
        event_id: Id of the answer; feedback names it.
        model: Name of the deployment.
        version: Version of the model that answered.
        text: The raw text.
        kind: Kind of task of the model.
        annotation: The prediction.
        time: Time of the answer, in UTC.
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
    """A receiver of answers; called off the request's path, from any thread."""

    def put(self, answered: Sequence[Answered]) -> None:
        """Take answers; return at once and never raise."""
        ...

    def close(self) -> None:
        """Finish the answers that were taken; called once, when the service stops."""
        ...


FOLDER = "captures"


def sampled(event_id: str, percent: float) -> bool:
    """Return True if an answer is captured: by its id alone, so that every process and every restart agrees.

    Example:
        >>> sampled("an id", 100), sampled("an id", 0)
        (True, False)
    """
    return int.from_bytes(blake2b(event_id.encode(), digest_size=4).digest()) < percent / 100 * 2**32


def row(answered: Answered, redacted: Sequence[str]) -> str:
    """Return an answer as one line of a capture file.

    Args:
        answered: The answer.
        redacted: Names of the `REDACTORS` that are applied to its text.
    """
    kind = KINDS[answered.kind]
    scores = {label: round(float(score), DIGITS) for label, score in answered.annotation.scores.items()}
    said = {kind.column: kind.cell(answered.annotation), "score": round(answered.score, DIGITS), "scores": scores}
    time = answered.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    about = {"eventId": answered.event_id, "inferenceTime": time}
    about |= {"modelName": answered.model, "modelVersion": answered.version}
    about |= {"flywheel": answered.flywheel} if answered.flywheel else {}
    # an unpaired surrogate can't be written, and must not block the other rows
    text = answered.text.encode(errors="replace").decode()
    given = _part("INPUT", {"text": redact(text, redacted)})
    data = {"endpointInput": given, "endpointOutput": _part("OUTPUT", said)}
    return json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"}, ensure_ascii=False)


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


def find(store: Store, model: str, ids: Collection[str], most_files: int = 5000) -> Iterator[Answered]:
    """Yield the captured answers with these ids, from the newest files first; their texts are redacted.

    Args:
        store: Store of the captures.
        model: Name of the deployment that answered.
        ids: Ids of the answers.
        most_files: Maximum number of files that are read.

    Raises:
        VolantError: If the store can't be read.
    """
    wanted = set(ids)
    for key in sorted(store.keys(f"{FOLDER}/{model}"), reverse=True)[:most_files]:
        if not wanted:
            return
        text = store.read(key)
        if not any(one in text for one in wanted):
            continue
        for line in text.split("\n"):
            if line and (answered := read(line)).event_id in wanted:
                wanted.discard(answered.event_id)
                yield answered


def read(line: str) -> Answered:
    """Return the answer from a line of a capture file, the inverse of `row`."""
    tree = json.loads(line)
    about = tree["eventMetadata"]
    data = tree["captureData"]
    said = json.loads(data["endpointOutput"]["data"])
    kind = kind_of_row(said)
    return Answered(
        event_id=about["eventId"],
        model=about["modelName"],
        version=about["modelVersion"],
        text=json.loads(data["endpointInput"]["data"])["text"],
        kind=kind.name,
        annotation=replace(kind.read(said[kind.column]), scores=said["scores"]),
        time=datetime.fromisoformat(about["inferenceTime"]),
        flywheel=about.get("flywheel"),
    )


def _part(mode: str, data: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(data, ensure_ascii=False)
    return {"observedContentType": "application/json", "mode": mode, "data": text, "encoding": "JSON"}
