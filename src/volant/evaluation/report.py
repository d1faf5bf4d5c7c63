"""The evaluation of one set of predictions, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.evaluation.bootstrap import intervals, resampling_units, units_of
from volant.evaluation.curves import pr_rows, roc_rows
from volant.evaluation.partition import Partition, partitions
from volant.evaluation.reliability import Reliability, floor, proper_scores, reliability
from volant.evaluation.slices import Slices, measure_parts, summarise, with_intervals
from volant.evaluation.tables import confusion_pairs, expanded, label_rows, prediction_table, worst_errors
from volant.kinds import Calibration, Kind, Tallies
from volant.kinds.calibration import score_matrix
from volant.kinds.labels import plain
from volant.kinds.rates import lower_is_better, measure
from volant.kinds.record import Annotation


@dataclass(frozen=True)
class Task:
    """The settings of an evaluation.

    Attributes:
        kind: Kind of prediction.
        labels: The label set of the bundle.
        metric: Name of the flywheel's metric.
        calibration: Calibration of the bundle, fitted on validation.
        slices: Columns of the test rows by whose values the metrics are broken down.
        samples: Number of bootstrap samples.
        worst: Number of worst errors to list.
        seed: Seed of the bootstrap.
        group: Column whose equal values belong together; the bootstrap then draws whole groups.
    """

    kind: Kind
    labels: tuple[str, ...]
    metric: str
    calibration: Calibration = field(default_factory=Calibration)
    slices: tuple[str, ...] = ()
    samples: int = 1000
    worst: int = 20
    seed: int = 0
    group: str | None = None


@dataclass(frozen=True)
class Report:
    """The result of an evaluation; shares are 0 to 1.

    Attributes:
        task: Settings of the evaluation.
        scores: Metric → value.
        intervals: Metric → ends of its 95 % interval.
        baselines: `majority` and `chance` → metric → value.
        labels: For each label: precision, recall, f1, roc_auc, support, predicted.
        before: Reliability of the probabilities at temperature 1.
        after: Reliability of the probabilities as served; with several labels per text, of labels predicted or likely.
        calibration: `ece_perfect`, the calibration error of a perfect model with as many predictions; `log_loss`;
            `brier`; with several labels per text `ece_cells`, over every label of every row.
        slices: Metrics by length and by column.
        confusion: Gold and predicted label of every row; with several labels per text, of every hit and every mistake.
        roc: Points of the ROC curves.
        pr: Points of the precision-recall curves.
        predictions: id, text, gold, predicted, score, correct, scores of every test row.
        worst: Rows of `predictions` with the most confident errors.
        groups: Number of groups that the bootstrap drew as a whole; 0 if it drew rows.
        left_out: Number of test rows excluded from evaluation, since the bundle was not trained on their labels.
        analysis: Tables on the errors of the kind, by name.
    """

    task: Task
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    baselines: dict[str, dict[str, float]]
    labels: list[dict]
    before: Reliability
    after: Reliability
    calibration: dict[str, float]
    slices: list[Slices]
    confusion: list[tuple[str, str]]
    roc: list[dict]
    pr: list[dict]
    predictions: pa.Table
    worst: list[dict]
    groups: int = 0
    left_out: int = 0
    analysis: dict[str, list[dict]] = field(default_factory=dict)

    @property
    def lift(self) -> float:
        """Position of the flywheel's metric between chance (0) and perfect (1)."""
        chance = self.baselines["chance"].get(self.task.metric, 0.0)
        return lift(self.scores[self.task.metric], chance, 0.0 if lower_is_better(self.task.metric) else 1.0)


def evaluate(task: Task, train_gold: Sequence[Annotation], test: pa.Table, predicted: Sequence[Annotation]) -> Report:
    """Evaluate predictions against gold; the bundle is not changed.

    Args:
        task: Settings of the evaluation.
        train_gold: Gold of the train rows, for the baselines only.
        test: Test rows: id, text, the kind's column, the columns of slices.
        predicted: The bundle's prediction for each row, with scores.

    Raises:
        VolantError: If there are no rows, the predictions have no scores, the metric is unknown or undefined on these
            rows, or a label or column is unknown.
    """
    _check(task, test)
    kind = task.kind
    gold = task.kind.gold(test)
    tallies = kind.tally(gold, predicted, task.labels)
    scores = score_matrix(predicted, task.labels)
    if scores is None:
        raise VolantError("The predictions have no scores. Pass those of Bundle.predict, which always have them.")
    metrics = plain(measure(kind.metrics, tallies, scores))
    if task.metric not in metrics:
        raise VolantError(
            f"The metric '{task.metric}' is undefined on these test rows: some label has no rows. "
            "Add test rows of every label, or choose another `metric` in conf/flywheel/<name>.yaml."
        )
    targets = kind.targets(gold, task.labels)
    raw = kind.uncalibrated(scores, task.calibration)
    units = resampling_units(units_of(test, task.group))
    analysis = kind.analysis(gold, predicted, task.labels)
    placed = analysis.pop("confusion", None)
    predictions = prediction_table(kind, task.labels, test, predicted, tallies, scores)
    return Report(
        task=task,
        scores=metrics,
        intervals=intervals(list(metrics), tallies, scores, task.samples, task.seed, units),
        baselines=kind.baselines(train_gold, gold, task.labels),
        labels=label_rows(task.labels, tallies, scores),
        before=reliability(*kind.claims(raw, targets, tallies.predicted > 0)),
        after=reliability(*kind.claims(scores, targets, tallies.predicted > 0)),
        calibration=_calibration(task, targets, tallies, scores),
        slices=[
            _slices(task, name, partition, list(metrics), (tallies, scores))
            for name, partition in partitions(test, task.slices).items()
        ],
        confusion=confusion_pairs(task.labels, tallies) if placed is None else expanded(placed),
        roc=roc_rows(tallies.gold > 0, scores, task.labels),
        pr=pr_rows(tallies.gold > 0, scores, task.labels),
        predictions=predictions,
        worst=worst_errors(predictions, tallies, scores, task.worst),
        groups=int(units.max()) + 1 if task.group and units.max() + 1 < len(units) else 0,
        analysis=analysis,
    )


def _slices(
    task: Task,
    column: str,
    partition: Partition,
    names: Sequence[str],
    results: tuple[Tallies, np.ndarray],
) -> Slices:
    """Return the slices of one column, with intervals of the listed ones."""
    slices = summarise(column, measure_parts(partition, names, *results), task.metric, lower_is_better(task.metric))
    return with_intervals(slices, partition, task.metric, results, task.seed)


def _calibration(task: Task, targets: np.ndarray, tallies: Tallies, scores: np.ndarray) -> dict[str, float]:
    """Return further calibration metrics; see `Report.calibration`."""
    claimed, _ = task.kind.claims(scores, targets, tallies.predicted > 0)
    exclusive = task.kind.exclusive
    values = {"ece_perfect": floor(claimed, task.seed), **proper_scores(scores, tallies.gold > 0, exclusive)}
    return values if exclusive else values | {"ece_cells": reliability(*task.kind.claims(scores, targets)).error}


def lift(score: float, chance: float, perfect: float = 1.0) -> float:
    """Return the position of a score between chance (0) and perfect (1); below 0 if it is worse than chance.

    Args:
        score: Value of a metric.
        chance: Its value for random guesses.
        perfect: Its best possible value.

    Example:
        >>> lift(0.75, chance=0.5)
        0.5
    """
    return (score - chance) / (perfect - chance) if perfect != chance else 0.0


def _check(task: Task, test: pa.Table) -> None:
    if task.metric not in task.kind.metrics:
        raise VolantError(
            f"The metric '{task.metric}' is not one of kind {task.kind.name}."
            f"{did_you_mean(task.metric, task.kind.metrics)} Allowed: {', '.join(task.kind.metrics)}."
        )
    if test.num_rows == 0:
        raise VolantError("There are no test rows. Add some to the source, or increase `split.test`.")
