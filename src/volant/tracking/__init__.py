"""MLflow: the runs of every training, and the registry of versions. Nothing outside this package imports mlflow."""

from volant.tracking.runs import Run, resume, run
from volant.tracking.ui import ui

__all__ = ["Run", "resume", "run", "ui"]
