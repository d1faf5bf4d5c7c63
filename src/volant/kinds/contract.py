"""The interface of a kind of prediction: its rows, its targets, and how predictions are decoded and scored."""

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
    """The interface of a kind of prediction; N rows, L labels.

    Attributes:
        name: Name in the config.
        column: Column of a row, and key of a response, that holds the prediction.
        metrics: Names of the metrics that `score` returns, main ones first.
        exclusive: True if a text has exactly one label.
        types: Arrow types of `column` and of `score` in files of predictions.
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
        """Return the annotation that a cell holds: the inverse of `cell`."""
        ...

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the labels of an annotation, in its order."""
        ...

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation with these labels."""
        ...

    def scored(self, annotation: Annotation) -> float | dict[str, float]:
        """Return the probability of the prediction, as JSON holds it."""
        ...

    def confidence(self, annotation: Annotation) -> float:
        """Return one probability for the whole prediction: that of its most probable part, or of the nearest to one."""
        ...

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the gold annotation of each row."""
        ...

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with each label."""
        ...

    def targets(self, gold: Sequence[Annotation], labels: Sequence[str]) -> np.ndarray:
        """Return the training targets: classify (N,) int64; multilabel (N, L) float32."""
        ...

    def calibrate(self, logits: np.ndarray, targets: np.ndarray, metric: str | None = None) -> Calibration:
        """Fit temperature and thresholds on validation.

        Args:
            logits: Validation logits, (N, L).
            targets: Targets of validation, as `targets` returns them.
            metric: Metric that the thresholds maximise, where the kind has thresholds.
        """
        ...

    def loss(self, logits: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean negative log-likelihood of the targets, which calibration and a blend of models minimise."""
        ...

    def probabilities(self, logits: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the calibrated probabilities, (N, L) float32."""
        ...

    def logits(self, probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return logits (N, L) from probabilities, so that another calibration can be tried without the model."""
        ...

    def decode(self, probabilities: np.ndarray, labels: Sequence[str], calibration: Calibration) -> list[Annotation]:
        """Return the predictions, with the probability of every label in `scores`.

        Args:
            probabilities: Calibrated probabilities, (N, L).
            labels: The label set.
            calibration: Calibration of the bundle, with its thresholds.
        """
        ...

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities that calibration is evaluated on, and a mask of those that are correct.

        Args:
            probabilities: Calibrated probabilities, (N, L).
            targets: Targets, as `targets` returns them.
            predicted: True where a label was predicted, (N, L); if given, a kind with several labels per text returns
                only those predicted, or likely enough.
        """
        ...

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return per-row counts of hits and predictions, which every metric and its interval need.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
            labels: The label set.
        """
        ...

    def score(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, float]:
        """Return the metrics by short name; `roc_auc` is left out where it is undefined.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row; ROC-AUC needs its scores.
            labels: The label set.
        """
        ...

    def baselines(
        self, train_gold: Sequence[Annotation], test_gold: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of `majority` and `chance` on the test rows; both use train's label counts only.

        Args:
            train_gold: Gold of the train rows.
            test_gold: Gold of the test rows.
            labels: The label set.
        """
        ...
