"""MLflow's client of a store, whose tables and experiments are made when they are first needed."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from volant.tracking.stores import Store, knock, relocate, sqlite_file
from volant.workspace import lake
from volant.workspace.files import part_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def client(store: Store) -> "MlflowClient":
    """A client of the store, which is known to be there; raises whatever MLflow or the socket raises."""
    knock(store.uri)
    make_tables(store.uri)
    from mlflow.tracking import MlflowClient

    return MlflowClient(store.uri)


def make_tables(uri: str) -> None:
    """Make a SQLite database whole or not at all: MLflow's fifty steps, cut off or run twice, ruin it."""
    path = sqlite_file(uri)
    if path is None or path.exists():
        return
    from mlflow.tracking import MlflowClient

    part = part_path(path)
    try:
        MlflowClient(f"sqlite:///{part}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was first, and its tables are as good
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def experiment(client: "MlflowClient", store: Store, flywheel: str) -> str:
    """Id of the experiment of a flywheel, whose new runs keep their files in the lake of today."""
    location = f"{lake.artifacts_url(store.place)}/{flywheel}" if store.place else None
    found = client.get_experiment_by_name(flywheel)
    if found is None:
        try:
            return client.create_experiment(flywheel, location)
        except Exception:  # the same flywheel may have begun its first run in another process meanwhile
            found = client.get_experiment_by_name(flywheel)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if location and found.artifact_location != location:
        relocate(store.uri, found.experiment_id, location)
    return found.experiment_id
