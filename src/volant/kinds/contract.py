"""What a kind of prediction must answer: its rows, what a model learns, how answers are decoded and scored."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from volant.kinds.calibration import Calibration
from volant.kinds.rates import Tallies
from volant.kinds.record import Annotation

Cell = str | list[str] | None


class Kind(Protocol):
    """What the stages ask of a kind of prediction; N rows, L labels.

    Attributes:
        name: As written in config.
        column: The column of a row, and the key of an answer, that holds what is predicted.
        metrics: Names that `score` gives, main ones first.
        exclusive: Whether a text has exactly one label.
        types: Arrow types of `column` and of `score` in files of answers.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def column(self) -> str: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def exclusive(self) -> bool: ...  # noqa: D102
    @property
    def types(self) -> tuple[pa.DataType, pa.DataType]: ...  # noqa: D102

    def cell(self, annotation: Annotation) -> Cell:
        """Return an annotation as its column and JSON hold it."""
        ...

    def read(self, cell: Any) -> Annotation:
        """Return the annotation that a cell holds: the way back from `cell`."""
        ...

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the labels that an annotation holds, in its order."""
        ...

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation that holds these labels."""
        ...

    def scored(self, annotation: Annotation) -> float | dict[str, float]:
        """Return the probability of what is answered, as JSON holds it."""
        ...

    def confidence(self, annotation: Annotation) -> float:
        """Return one probability for the whole answer: of its most probable part, or of what comes nearest to one."""
        ...

    def gold(self, table: pa.Table) -> list[Annotation]:
        """The gold of each row."""
        ...

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Rows that hold each label."""
        ...

    def targets(self, gold: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray:
        """What a model learns: classify (N,) int64; multilabel (N, L) float32."""
        ...

    def calibrate(self, logits: np.ndarray, targets: np.ndarray, metric: str | None = None) -> Calibration:
        """Fit temperature and thresholds on validation."""
        ...

    def loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Mean negative log-likelihood of the targets: what a calibration, and a blend of models, makes least."""
        ...

    def probabilities(self, logits: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Calibrated probabilities, (N, L) float32."""
        ...

    def logits(self, probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
        """The way back from probabilities, so that another calibration can be tried without the model."""
        ...

    def decode(self, probabilities: np.ndarray, labels: Sequence[str], calibration: Calibration) -> list[Annotation]:
        """The answers, with the probability of every label in `scores`."""
        ...

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities that the model claims, and whether each came true: what calibration is judged on.

        With `predicted` (N, L), of several labels a text only those answered, or likely enough to be.
        """
        ...

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """What is right and wrong in each row: all that metrics and their intervals need."""
        ...

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Flat metrics by short name; `roc_auc` is left out where it is undefined."""
        ...

    def baselines(
        self, train_gold: Sequence[Annotation], test_gold: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """What `majority` and `chance` score on the same test rows, knowing only train's label counts."""
        ...
