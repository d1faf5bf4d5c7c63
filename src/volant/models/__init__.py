"""Families of models: each a frozen dataclass of hyper-parameters with `fit`, named in config by `_target_`.

What they share with the rest is here: the examples that go in, the task they are fitted for, and what comes out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from volant.kinds import Kind
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Examples:
    """Cleaned texts (N), their gold, and that as numbers: (N,) int64 or, for several labels, (N, L) float32."""

    texts: Sequence[str]
    gold: Sequence[Annotation]
    targets: np.ndarray


@dataclass(frozen=True)
class Task:
    """What a model is fitted for: the kind, its label set (L) and the metric that picks the best epoch."""

    kind: Kind
    labels: tuple[str, ...]
    metric: str
    seed: int

    def score(self, logits: np.ndarray, validation: Examples) -> dict[str, float]:
        """Score validation logits (N, L), with calibration and thresholds chosen on these same rows."""
        calibration = self.kind.calibrate(logits, validation.targets, self.metric)
        probabilities = self.kind.probabilities(logits, calibration)
        predicted = self.kind.decode(probabilities, self.labels, calibration)
        return self.kind.score(validation.gold, predicted, self.labels)


@dataclass(frozen=True)
class Fitted:
    """A fitted model on its way into a bundle.

    Attributes:
        candidates: Ways to run it, best accuracy first: what `volant.bundle.runtime.load` takes. More than one when a
            smaller one (int8) may be taken instead; the choice is made on validation.
        history: One mapping of figures an epoch.
        best: Figures of the epoch that was kept.
        weights: Folder of the weights to start a later version from; none for families that always start anew.
        reading: How much of the texts of train and validation is read, where a model reads so many tokens at most:
            the share of `texts_cut`, and of all tokens, `tokens_read`.
        choice: What was chosen among several models and why, where the family chooses.
    """

    candidates: tuple[Mapping[str, Any], ...]
    history: tuple[Mapping[str, float], ...] = ()
    best: Mapping[str, float] = field(default_factory=dict)
    weights: Path | None = None
    reading: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """A family: hyper-parameters that can be fitted."""

    family: str

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Fit on train, choose on validation, and write the files of the model into `folder`.

        Args:
            train: Rows to learn from.
            validation: Rows that choose the epoch, never the test rows.
            task: Kind, labels, metric, seed.
            folder: Where the files that the bundle keeps are written.
            work: Where checkpoints live, so that an interrupted training goes on.
        """
        ...
