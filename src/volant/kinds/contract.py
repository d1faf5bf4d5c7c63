"""The interface of a kind of prediction: its rows, its targets, and how predictions are decoded and scored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from volant.kinds.calibration import Calibration
from volant.kinds.rates import Tallies
from volant.kinds.record import Annotation

Cell = str | list[str] | list[dict[str, Any]] | dict[str, Any] | None


class Kind(Protocol):
    """The interface of a kind of prediction; N rows, L labels.

    The outputs of a model are logits (N, L) for a kind of head `text`, and `TokenOutputs` for one of head `tokens`.

    Attributes:
        name: Name in the config.
        columns: Columns of a row, and keys of a response, that hold the gold or the prediction.
        metrics: Names of the metrics that `score` returns, main ones first.
        exclusive: True if a text has exactly one label.
        types: Arrow types of `cell` and of `score` in files of predictions.
        head: `text` if a model gives one vector per text; else the name of a head whose outputs are `TokenOutputs`.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def metrics(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def exclusive(self) -> bool: ...  # noqa: D102
    @property
    def types(self) -> tuple[pa.DataType, pa.DataType]: ...  # noqa: D102
    @property
    def head(self) -> str: ...  # noqa: D102

    def cell(self, annotation: Annotation) -> Cell:
        """Return an annotation as one JSON value: that of its column, or of several columns a mapping by column."""
        ...

    def read(self, cell: Any) -> Annotation:
        """Return the annotation of a cell: the inverse of `cell`."""
        ...

    def labels_of(self, annotation: Annotation) -> tuple[str, ...]:
        """Return the labels of an annotation, in its order."""
        ...

    def annotate(self, labels: Sequence[str]) -> Annotation:
        """Return the annotation with these labels of the whole text; for a kind of spans, one without spans.

        Raises:
            VolantError: If an annotation of this kind can't have as many labels.
        """
        ...

    def renamed(self, annotation: Annotation, names: Mapping[str, str | None]) -> Annotation:
        """Return the annotation with its labels renamed; those renamed to None are left out.

        Args:
            annotation: Gold as the source has it.
            names: Label in the source to label, for every label of the annotation.
        """
        ...

    def scored(self, annotation: Annotation) -> float | dict[str, float]:
        """Return the probability of the prediction, as a JSON value."""
        ...

    def confidence(self, annotation: Annotation) -> float:
        """Return one probability for the whole prediction: that of its most probable part, or candidate if empty."""
        ...

    def gold(self, table: pa.Table) -> list[Annotation]:
        """Return the gold annotation of each row."""
        ...

    def count(self, gold: Sequence[Annotation]) -> Counter[str]:
        """Return the number of rows with each label."""
        ...

    def outputs(self, labels: Sequence[str]) -> dict[str, int]:
        """Return the number of values per text or per token of each output of the head, by name."""
        ...

    def targets(
        self, gold: Sequence[Annotation], labels: Sequence[str], offsets: Sequence[np.ndarray] | None = None
    ) -> Any:
        """Return the training targets of whole texts, (N,) int64 or (N, L) float32; with `offsets`, those of tokens.

        Args:
            gold: Gold annotation of each row.
            labels: The label set.
            offsets: Characters of each token, as `TokenOutputs` has them. With them, a kind of head `tokens` returns
                the class of each token, one array (T,) int64 per row, `IGNORED` for a token that has none.

        Raises:
            VolantError: If a row has a label that is not in the label set.
        """
        ...

    def calibrate(self, outputs: Any, targets: Any, metric: str | None = None) -> Calibration:
        """Fit temperature and thresholds on validation.

        Args:
            outputs: Uncalibrated outputs of validation.
            targets: Targets of validation, as `targets` returns them for these outputs.
            metric: Metric that the thresholds maximise, where the kind has thresholds.
        """
        ...

    def loss(self, outputs: Any, targets: Any) -> float:
        """Return the mean negative log-likelihood of the targets, which calibration and blending minimise.

        Args:
            outputs: Uncalibrated outputs.
            targets: Targets, as `targets` returns them for these outputs.
        """
        ...

    def probabilities(self, outputs: Any, calibration: Calibration) -> Any:
        """Return the calibrated probabilities, float32, in the shape of the outputs."""
        ...

    def uncalibrated(self, scores: np.ndarray, calibration: Calibration) -> np.ndarray:
        """Return the probabilities of labels, (N, L), as they would be without calibration.

        Args:
            scores: Calibrated probability of each label, (N, L).
            calibration: Calibration that they were computed with.
        """
        ...

    def decode(
        self, probabilities: Any, labels: Sequence[str], calibration: Calibration, texts: Sequence[str] = ()
    ) -> list[Annotation]:
        """Return the predictions, with the probability of every label in `scores`.

        Args:
            probabilities: Calibrated probabilities, as `probabilities` returns them, with the offsets of tokens.
            labels: The label set.
            calibration: Calibration of the bundle, with its thresholds.
            texts: The cleaned texts (N), for kinds that predict parts of a text.
        """
        ...

    def claims(
        self, probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities that calibration is evaluated on, and a mask of those that are correct.

        Args:
            probabilities: Calibrated probability of each label, (N, L).
            targets: Targets of the whole text, as `targets` returns them without offsets.
            predicted: True where a label was predicted, (N, L); with it, a kind with several labels per text returns
                only labels that were predicted or are likely.
        """
        ...

    def tally(self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]) -> Tallies:
        """Return per-row counts of hits and predictions, which every metric and its interval need.

        A label counts as often as the row has it: twice, if two spans of a text have it.

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

    def analysis(
        self, gold: Sequence[Annotation], predicted: Sequence[Annotation], labels: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return named tables on the errors, which the report shows; none for labels of whole texts.

        A table `confusion` of gold, predicted and count, if there is one, replaces the confusion by rows: it says which
        part was predicted in the place of which.

        Args:
            gold: Gold annotation of each row.
            predicted: Predicted annotation of each row.
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
