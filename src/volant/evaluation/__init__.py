"""Evaluation of a bundle on test rows: pure functions from predictions to a report, and its files.

bootstrap     confidence intervals by resampling rows
reliability   calibration: share of the predictions with probability 0.9 that are correct
slices        the same metrics by length and by column
curves        ROC and precision-recall
tables        rows of the report: by label, confusion, predictions, worst errors
report        all of it, for one set of predictions
files         the report as JSON, CSV, Parquet, PNG
page          the report as Markdown
speed         size, latency, throughput
"""

from volant.evaluation.report import Report, Task, evaluate

__all__ = ["Report", "Task", "evaluate"]
