"""The best version, and the best run, by any logged metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError, did_you_mean
from volant.kinds.rates import gain_sign
from volant.tracking.version import Version

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


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
    sign = gain_sign(metric)
    own = [(value, v) for v in versions if (value := _of_version(v, metric, runs)) is not None]
    registered = {version.digest for version in versions} | {version.run_id for version in versions}
    others = [run for run in runs if registered.isdisjoint((run.info.run_id, run.data.tags.get("bundle")))]
    rest = [(run.data.metrics[metric], run) for run in others if metric in run.data.metrics]
    if not own and not rest:
        names = sorted(set().union(*(run.data.metrics for run in runs), *(version.metrics for version in versions)))
        hint = did_you_mean(metric, names)
        raise VolantError(
            f"Nothing of {flywheel} has the metric '{metric}'.{hint} There are: {', '.join(names) or '-'}."
        )
    value, version = max(own, key=lambda pair: sign * pair[0], default=(None, None))
    run_value, run = max(rest, key=lambda pair: sign * pair[0], default=(None, None))
    if run is None or run_value is None or (value is not None and sign * value >= sign * run_value):
        return Best(metric, version, value)
    return Best(metric, version, value, run.info.run_id, run.info.run_name, run_value)


def _runs(client: "MlflowClient", flywheel: str) -> "list[Run]":
    experiment = client.get_experiment_by_name(flywheel)
    runs = []
    token = None
    while experiment:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            break
    return runs


def _of_version(version: Version, metric: str, runs: "Sequence[Run]") -> float | None:
    """Return the metric as the runs of the version's bundle logged it, else as it was registered; None if missing.

    Runs have the prefix `test_` for test metrics.
    """
    for run in runs:
        if version.digest == run.data.tags.get("bundle") and metric in run.data.metrics:
            return run.data.metrics[metric]
    return version.metrics.get(metric, version.metrics.get(metric.removeprefix("test_")))
