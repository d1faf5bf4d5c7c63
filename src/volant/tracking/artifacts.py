"""The files of a version: its bundle as an MLflow model, `version.json` and `gate.json` beside it.

They are in the folder `model` of the run that trained the bundle: in the lake, or where the server stores files.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import volant
from volant.bundle.manifest import BundleError, verify
from volant.errors import VolantError
from volant.tracking.client import experiment
from volant.tracking.stores import Store, reason
from volant.tracking.version import Record
from volant.workspace import lake
from volant.workspace.distribution import requirements
from volant.workspace.files import part_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

FOLDER = "model"
RECORD = "version.json"
GATE = "gate.json"
PYFUNC = Path(__file__).with_name("pyfunc.py")


def keep(client: "MlflowClient", store: Store, folder: Path, manifest: Mapping[str, Any], record: Record) -> "Run":
    """Copy a bundle and its record into the run that trained it, else into a new one, and return the run.

    Fails with `VolantError` if the files can't be stored; no version exists then, and the same call can be repeated.

    Args:
        client: Client of the store.
        store: The store.
        folder: Folder of the bundle.
        manifest: Manifest of the bundle.
        record: Record of the version.
    """
    with TemporaryDirectory(prefix="volant-") as work, _readable_errors(f"store the files of {folder}"):
        model = _model(folder, Path(work))
        (model / RECORD).write_text(_json(asdict(record)), encoding="utf-8")
        run = _home(client, store, manifest)
        client.log_artifacts(run.info.run_id, str(model), FOLDER)
        return run


def put_gate(client: "MlflowClient", run: str, gate: Mapping[str, Any]) -> None:
    """Store the gate's result beside the files of a version.

    Fails with `VolantError` if the file can't be stored.

    Args:
        client: Client of the store.
        run: Id of the run with the files.
        gate: Result of the gate.
    """
    with TemporaryDirectory(prefix="volant-") as work, _readable_errors("store the gate's result"):
        path = Path(work) / GATE
        path.write_text(_json(gate), encoding="utf-8")
        client.log_artifact(run, str(path), FOLDER)


def get_record(client: "MlflowClient", run: str) -> Record:
    """Return the record of a version, with the gate's last result."""
    with TemporaryDirectory(prefix="volant-") as work, _readable_errors("read the record of the version"):
        names = {Path(entry.path).name for entry in client.list_artifacts(run, FOLDER)}
        record = _read(client, run, RECORD, work)
        try:
            gate = _read(client, run, GATE, work) if GATE in names else None
        except ValueError:  # incomplete: the gate runs again
            gate = None
        return Record(**{**record, **({"gate": gate} if gate is not None else {})})


def get_bundle(client: "MlflowClient", run: str, digest: str, folder: Path) -> None:
    """Download a version's bundle to `folder`, verified, completely or not at all.

    Fails with `VolantError` if it can't be downloaded, or is not the registered bundle.

    Args:
        client: Client of the store.
        run: Id of the run with the files.
        digest: Digest of the bundle.
        folder: Folder to write to; replaced if it exists.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(folder)
    try:
        part.mkdir()
        with _readable_errors(f"download the bundle {digest[:8]}"):
            downloaded = Path(client.download_artifacts(run, f"{FOLDER}/artifacts/bundle", str(part)))
        require(downloaded, digest)
        shutil.rmtree(folder, ignore_errors=True)
        downloaded.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def get_weights(client: "MlflowClient", run: str, folder: Path) -> None:
    """Download the weights that a later training can start from, completely or not at all.

    Args:
        client: Client of the store.
        run: Id of the run with the files.
        folder: Folder to write to.

    Raises:
        VolantError: If the run has no weights, or they can't be downloaded.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = part_path(folder)
    try:
        part.mkdir()
        with _readable_errors("download the weights"):
            if not client.list_artifacts(run, "weights"):
                raise VolantError(
                    "This version has no weights to start from: only transformer and recurrent store them, and only "
                    "if the training could reach MLflow's files. Start without them: --from-version 0."
                )
            downloaded = Path(client.download_artifacts(run, "weights", str(part)))
        downloaded.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def require(folder: Path, digest: str) -> None:
    """Check that a folder holds exactly this bundle.

    Raises:
        BundleError: If it doesn't.
    """
    actual = verify(folder)["digest"]
    if actual != digest:
        raise BundleError(f"{folder} contains the bundle {actual[:8]}, but {digest[:8]} was registered.")


def _model(folder: Path, work: Path) -> Path:
    import mlflow.pyfunc

    # MLflow names an artifact's folder after its source; hard links avoid a second copy
    shutil.copytree(folder, work / "bundle", copy_function=_link)
    with _without_warnings("mlflow.pyfunc"):  # a signature would refuse lists and series of texts
        mlflow.pyfunc.save_model(
            path=work / "model",
            python_model=str(PYFUNC),
            artifacts={"bundle": str(work / "bundle")},
            code_paths=[str(Path(volant.__file__).parent)],  # no index has exactly this code
            pip_requirements=[*requirements(), f"mlflow=={mlflow.__version__}"],
        )
    return work / "model"


@contextmanager
def _without_warnings(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _home(client: "MlflowClient", store: Store, manifest: Mapping[str, Any]) -> "Run":
    """Return the run whose tag names the bundle, if its files are in the current lake; else a new run."""
    home = experiment(client, store, manifest["flywheel"])
    if store.place:
        lake.check(store.place)
    place = f"{lake.artifacts_url(store.place)}/{manifest['flywheel']}/" if store.place else ""
    terms = f"tags.bundle = '{manifest['digest']}'"
    for run in client.search_runs([home], terms, order_by=["start_time DESC"]):
        if (run.info.artifact_uri or "").startswith(place):
            return run
    run = client.create_run(home, tags={"bundle": manifest["digest"], "git_commit": manifest["commit"]})
    client.set_terminated(run.info.run_id)
    return run


def _read(client: "MlflowClient", run: str, name: str, work: str) -> Any:
    path = client.download_artifacts(run, f"{FOLDER}/{name}", work)
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _json(tree: Any) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


@contextmanager
def _readable_errors(action: str) -> Iterator[None]:
    """Turn any error of a file store into a readable one, within the context.

    Raises:
        VolantError: If the body fails.
    """
    try:
        yield
    except VolantError:
        raise
    except Exception as error:  # each kind of store has its own errors
        raise VolantError(
            f"Volant could not {action}: MLflow's files can't be reached ({reason(error)}). Nothing is lost: "
            "check the lake with `volant lake`, then run the same command again."
        ) from error
