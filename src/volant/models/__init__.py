"""Families of models: each a frozen dataclass of hyper-parameters with `fit`, named in config by `_target_`.

This module defines their inputs and outputs: examples, the task, and the fitted result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from volant.errors import VolantError
from volant.kinds import Calibration, Kind, Outputs, TokenOutputs
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Examples:
    """Cleaned texts (N), their gold, and the targets of whole texts: (N,) int64 or, for several labels, (N, L) float32.

    Targets of tokens depend on the tokenizer: the neural families ask the kind for them.
    """

    texts: Sequence[str]
    gold: Sequence[Annotation]
    targets: np.ndarray


@dataclass(frozen=True)
class Task:
    """The task to fit a model for: the kind, its label set (L) and the metric that selects the best epoch."""

    kind: Kind
    labels: tuple[str, ...]
    metric: str
    seed: int

    def score(self, outputs: Outputs, validation: Examples) -> dict[str, float]:
        """Return the metrics of a model's outputs for validation, after calibration on the same rows."""
        calibration = self.calibrate(outputs, validation)
        probabilities = self.kind.probabilities(outputs, calibration)
        predicted = self.kind.decode(probabilities, self.labels, calibration, validation.texts)
        return self.kind.score(validation.gold, predicted, self.labels)

    def calibrate(self, outputs: Outputs, validation: Examples) -> Calibration:
        """Return the calibration, and the thresholds, that a model's outputs for validation give."""
        targets = validation.targets
        if isinstance(outputs, TokenOutputs):
            targets = self.kind.targets(validation.gold, self.labels, outputs.offsets)
        return self.kind.calibrate(outputs, targets, self.metric)

    def require_text(self, model: str) -> None:
        """Check that a model that reads whole texts can predict this kind.

        Args:
            model: Name of the model, or of its option, for the message.

        Raises:
            VolantError: If the kind needs outputs for every token.
        """
        if self.kind.head != "text":
            raise VolantError(
                f"{model} predicts labels of whole texts; kind '{self.kind.name}' needs outputs for every token. "
                "Use the transformer or the recurrent family, without `linear`, `logistic` and `contrastive`."
            )


@dataclass(frozen=True)
class Fitted:
    """A fitted model, before it is packed into a bundle.

    Attributes:
        candidates: `runtime` sections, most accurate first, for `volant.bundle.runtime.load`. There are several if a
            smaller one (int8) may be selected, on validation.
        history: One mapping of metrics per epoch.
        best: Metrics of the selected epoch.
        weights: Folder of the weights that a later version can start from; None for families that always train from
            scratch.
        reading: Coverage of the train and validation texts, where a model has a token limit: the share of `texts_cut`,
            and of all tokens, `tokens_read`.
        choice: The model chosen among several and the reason, where the family chooses.
        encoder: Name, origin, licence and number of pieces of a pretrained encoder.
    """

    candidates: tuple[Mapping[str, Any], ...]
    history: tuple[Mapping[str, float], ...] = ()
    best: Mapping[str, float] = field(default_factory=dict)
    weights: Path | None = None
    reading: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    encoder: Mapping[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """A family: hyper-parameters that can be fitted."""

    family: str

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:
        """Fit on train, select on validation, and write the files of the model into `folder`.

        Args:
            train: Rows to learn from.
            validation: Rows that select the epoch, never the test rows.
            task: Kind, labels, metric, seed.
            folder: Folder of the files that the bundle will contain.
            work: Folder of checkpoints, from which an interrupted training resumes.
        """
        ...
