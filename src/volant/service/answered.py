"""An answer that was given, as it goes to whoever wants to know of it: capture, metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answered:
    """One text of one request, and what a model said of it.

    Attributes:
        event_id: The id that the answer carries; feedback names it.
        model: Name of the deployment.
        version: Of the model that answered.
        text: As it came in.
        label: The one label (classify).
        labels: Every label that holds (multilabel).
        score: Probability of the label; of the surest of the labels for multilabel.
        scores: Probability of each label.
        time: When it was answered, in UTC.
        flywheel: Whose version answered: a deployment may be renamed or removed; None of old ones.
    """

    event_id: str
    model: str
    version: str
    text: str
    label: str | None
    labels: tuple[str, ...]
    score: float
    scores: Mapping[str, float]
    time: datetime
    flywheel: str | None = None


class Sink(Protocol):
    """Whoever wants to know of answers; called off the request's path, from any thread."""

    def put(self, answered: Sequence[Answered]) -> None:
        """Take answers; returns at once and never raises."""
        ...

    def close(self) -> None:
        """Finish what was taken; called once, when the service stops."""
        ...
