"""How good a bundle is on test rows: pure functions from predictions to a report, and the files that show it.

bootstrap     intervals by drawing rows again
reliability   does 90 % sure mean right 9 times of 10
slices        the same metrics by length and by column
curves        ROC and precision-recall
report        all of it, for one set of predictions
files         the report as JSON, CSV, Parquet, PNG
markdown      the report to read
speed         size, latency, throughput
"""

from volant.evaluation.report import Report, Task, evaluate

__all__ = ["Report", "Task", "evaluate"]
