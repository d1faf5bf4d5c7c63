"""An answer that was given, as it goes to whoever wants to know of it: capture, metrics."""

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
    """One text of one request, and what a model said of it.

    Attributes:
        event_id: The id that the answer carries; feedback names it.
        model: Name of the deployment.
        version: Of the model that answered.
        text: As it came in.
        kind: Of the model.
        annotation: What it predicted.
        time: When it was answered, in UTC.
        flywheel: Whose version answered: a deployment may be renamed or removed; None of old ones.
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
        """The labels that were predicted."""
        return KINDS[self.kind].labels_of(self.annotation)

    @property
    def score(self) -> float:
        """One probability for the whole answer."""
        return KINDS[self.kind].confidence(self.annotation)


class Sink(Protocol):
    """Whoever wants to know of answers; called off the request's path, from any thread."""

    def put(self, answered: Sequence[Answered]) -> None:
        """Take answers; returns at once and never raises."""
        ...

    def close(self) -> None:
        """Finish what was taken; called once, when the service stops."""
        ...


FOLDER = "captures"


def sampled(event_id: str, percent: float) -> bool:
    """Whether an answer is kept: by its id alone, so that every process and every restart decides the same.

    Example:
        >>> sampled("an id", 100), sampled("an id", 0)
        (True, False)
    """
    return int.from_bytes(blake2b(event_id.encode(), digest_size=4).digest()) < percent / 100 * 2**32


def row(answered: Answered, redacted: Sequence[str]) -> str:
    """One line of a capture file.

    Args:
        answered: What is kept.
        redacted: What is taken out of its text.
    """
    kind = KINDS[answered.kind]
    scores = {label: round(float(score), DIGITS) for label, score in answered.annotation.scores.items()}
    said = {kind.column: kind.cell(answered.annotation), "score": round(answered.score, DIGITS), "scores": scores}
    time = answered.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    about = {"eventId": answered.event_id, "inferenceTime": time}
    about |= {"modelName": answered.model, "modelVersion": answered.version}
    about |= {"flywheel": answered.flywheel} if answered.flywheel else {}
    # half of a surrogate pair can't be written, and must not keep its neighbours from being
    text = answered.text.encode(errors="replace").decode()
    given = _part("INPUT", {"text": redact(text, redacted)})
    data = {"endpointInput": given, "endpointOutput": _part("OUTPUT", said)}
    return json.dumps({"captureData": data, "eventMetadata": about, "eventVersion": "0"}, ensure_ascii=False)


def folder(kind: str, model: str, time: datetime) -> str:
    """Where rows of an hour are.

    Example:
        >>> folder("captures", "reviews", datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
        'captures/reviews/2026/11/21/09'
    """
    return f"{kind}/{model}/{time.astimezone(UTC):%Y/%m/%d/%H}"


def name() -> str:
    """A name for a new file, by minute and second as SageMaker's."""
    return f"{datetime.now(UTC):%M-%S-%f}-{uuid4().hex}.jsonl"


def find(store: Store, model: str, ids: Collection[str], most_files: int = 5000) -> Iterator[Answered]:
    """The captured answers of these ids, looked for in the newest files first; their texts are redacted.

    Args:
        store: Where captures are.
        model: Name of the deployment that answered.
        ids: Of the answers.
        most_files: Files that are read at most.

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
    """An answer from the line that `row` made of it."""
    tree = json.loads(line)
    about, data = tree["eventMetadata"], tree["captureData"]
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
