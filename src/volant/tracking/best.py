"""The best version, and the best run, by any logged metric."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError, did_you_mean
from volant.tracking.version import Version

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

SMALLER = {"loss", "ece", "error", "brier", "latency", "bytes", "seconds"}  # words in names where lower is better


@dataclass(frozen=True)
class Best:
    """The best version and the best run by a metric.

    Attributes:
        metric: Name of the metric.
        version: The best version; None if no version has the metric.
        value: Its value.
        run_id: Id of the best run that became no version, if it is better.
        run_name: Its name in MLflow's UI.
        run_value: Its value.
    """

    metric: str
    version: Version | None
    value: float | None
    run_id: str | None = None
    run_name: str | None = None
    run_value: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object."""
        return {**self.__dict__, "version": self.version and self.version.to_json()}


def best(client: "MlflowClient", flywheel: str, metric: str, versions: Sequence[Version]) -> Best:
    """Return the best version of a flywheel by a metric; and the best run, if one that became no version is better.

    Args:
        client: Client of the store.
        flywheel: Name of the flywheel.
        metric: Name of the metric.
        versions: Versions of the flywheel.

    Raises:
        VolantError: If no run and no version has the metric; the message lists those there are.
    """
    runs = _runs(client, flywheel)
    sign = -1.0 if smaller(metric) else 1.0
    own = [(value, v) for v in versions if (value := _of_version(v, metric, runs)) is not None]
    taken = {version.digest for version in versions} | {version.run_id for version in versions}
    others = [run for run in runs if not taken & {run.info.run_id, run.data.tags.get("bundle")}]
    free = [(run.data.metrics[metric], run) for run in others if metric in run.data.metrics]
    if not own and not free:
        known = sorted({name for run in runs for name in run.data.metrics} | {n for v in versions for n in v.metrics})
        hint = did_you_mean(metric, known)
        raise VolantError(
            f"Nothing of {flywheel} has the metric '{metric}'.{hint} There are: {', '.join(known) or '-'}."
        )
    value, version = max(own, key=lambda pair: sign * pair[0], default=(None, None))
    found, run = max(free, key=lambda pair: sign * pair[0], default=(None, None))
    if run is None or found is None or (value is not None and sign * value >= sign * found):
        return Best(metric, version, value)
    return Best(metric, version, value, run.info.run_id, run.info.run_name, found)


def smaller(metric: str) -> bool:
    """Return True if lower values of a metric are better.

    Example:
        >>> smaller("val_loss"), smaller("latency_p50_ms"), smaller("val_f1_weighted")
        (True, True, False)
    """
    return bool(SMALLER & set(re.split(r"[_\W]+", metric)))


def _runs(client: "MlflowClient", flywheel: str) -> "list[Run]":
    experiment = client.get_experiment_by_name(flywheel)
    found = []
    token = None
    while experiment:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def _of_version(version: Version, metric: str, runs: "Sequence[Run]") -> float | None:
    """Return the metric as the runs of the version's bundle logged it, else as it was registered; None if missing.

    Runs have the prefix `test_` for test metrics.
    """
    for run in runs:
        if version.digest == run.data.tags.get("bundle") and metric in run.data.metrics:
            return run.data.metrics[metric]
    return version.metrics.get(metric, version.metrics.get(metric.removeprefix("test_")))
