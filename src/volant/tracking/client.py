"""MLflow's client of a store; tables and experiments are created on first use."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from volant.tracking.stores import Store, check_port, relocate, sqlite_file
from volant.workspace import lake
from volant.workspace.files import part_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def client(store: Store) -> "MlflowClient":
    """Return a client of the store.

    If the store can't be reached, the error is MLflow's or the socket's own.
    """
    check_port(store.uri)
    make_tables(store.uri)
    from mlflow.tracking import MlflowClient

    return MlflowClient(store.uri)


def make_tables(uri: str) -> None:
    """Create a SQLite database completely or not at all: MLflow's fifty steps, interrupted or run twice, corrupt it."""
    path = sqlite_file(uri)
    if path is None or path.exists():
        return
    from mlflow.tracking import MlflowClient

    part = part_path(path)
    try:
        MlflowClient(f"sqlite:///{part}").search_experiments(max_results=1)
        with suppress(FileExistsError):  # another process was first, with the same tables
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def experiment(client: "MlflowClient", store: Store, flywheel: str) -> str:
    """Return the id of a flywheel's experiment, whose new runs store their files in the current lake.

    If the experiment can't be created, the error is MLflow's own.

    Args:
        client: Client of the store.
        store: The store.
        flywheel: Name of the flywheel.
    """
    location = f"{lake.artifacts_url(store.place)}/{flywheel}" if store.place else None
    existing = client.get_experiment_by_name(flywheel)
    if existing is None:
        try:
            return client.create_experiment(flywheel, location)
        except Exception:  # another process may have created it meanwhile
            existing = client.get_experiment_by_name(flywheel)
            if existing is None:
                raise
    if existing.lifecycle_stage == "deleted":
        client.restore_experiment(existing.experiment_id)
    if location and existing.artifact_location != location:
        relocate(store.uri, existing.experiment_id, location)
    return existing.experiment_id
