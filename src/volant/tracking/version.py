"""The facts of a version: short ones as the registry's tags, everything else in `version.json` beside its files.

Decisions about it are not here: they are in the ledger, and are combined with these facts.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from volant.errors import VolantError
from volant.tracking.ledger import Entry, State, Status
from volant.workspace.provenance import digest

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from volant.tracking.database import StoredVersion

GATED = "gated"  # tag


@dataclass(frozen=True)
class Record:
    """The record that is stored with a version, for display and later evaluation.

    Attributes:
        config: Config of the flywheel as a tree.
        details: `reports/<flywheel>/details.json`.
        speed: `reports/<flywheel>/speed.json`.
        train: `reports/<flywheel>/train.json`.
        datasets: Names of the lake's datasets that it was trained on.
        gate: Result of the gate, if it has run.
    """

    config: dict[str, Any]
    details: dict[str, Any]
    speed: dict[str, Any]
    train: dict[str, Any]
    datasets: list[str]
    gate: dict[str, Any] | None = None


@dataclass(frozen=True)
class Version:
    """A registered bundle.

    Attributes:
        flywheel: Name of the flywheel.
        number: Number of the version, from 1.
        status: Status by the ledger.
        created: Time of registration.
        by: Person who registered it.
        family: Family of its model.
        precision: Precision of its model, such as int8.
        size_bytes: Size of its bundle.
        metric: Name of the flywheel's metric.
        metrics: Metrics on the test rows.
        intervals: Low and high end of some of them.
        datasets: Names of the lake's datasets that it was trained on.
        data: sha256 of the clean splits that it was trained on.
        commit: Git commit of the code.
        config: Digest of the config.
        digest: Digest of the bundle's manifest, which identifies the bundle.
        run_id: Id of MLflow's run with its files.
        source: Location of its files in MLflow.
        aliases: `champion`, `challenger`, by the ledger.
        note: Note of its approval or rejection.
        reasons: Reasons of the gate, for a rejection.
        approved_by: Person who approved it, if it is approved.
        approved_at: Time of the approval.
        gated: Last measurement of the gate: `test` and `labels` (digests of rows and label set), and `scores`.
    """

    flywheel: str
    number: int
    status: Status
    created: datetime
    by: str
    family: str
    precision: str
    size_bytes: int
    metric: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    datasets: list[str]
    data: dict[str, str]
    commit: str
    config: str
    digest: str
    run_id: str
    source: str
    aliases: tuple[str, ...] = ()
    note: str = ""
    reasons: tuple[str, ...] = ()
    approved_by: str | None = None
    approved_at: datetime | None = None
    gated: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object."""
        times = {"created": self.created, "approved_at": self.approved_at}
        return {**asdict(self), **{name: time and time.isoformat() for name, time in times.items()}}


def tags(manifest: Mapping[str, Any], record: Record, size: int, by: str) -> dict[str, str]:
    """Return the tags of a new version, readable in MLflow's UI; `read` parses them.

    Args:
        manifest: Manifest of the bundle.
        record: Record of the version.
        size: Size of the bundle in bytes.
        by: Person who registers it.
    """
    facts = {name: manifest[name] for name in ("family", "precision", "kind", "metric", "config")}
    trees = {
        "metrics": record.details.get("scores", {}),
        "intervals": record.details.get("intervals", {}),
        "datasets": record.datasets,
        "data": manifest["data"],
    }
    return {
        **facts,
        **{name: json.dumps(tree, ensure_ascii=False) for name, tree in trees.items()},
        "bundle": manifest["digest"],
        "git_commit": manifest["commit"],
        "size_bytes": str(size),
        "by": by,
        "validation_status": "pending",
    }


def facts(manifest: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a version in a ledger entry: bundle, commit, data, config."""
    data = digest(json.loads(manifest["data"]))
    return {"bundle": manifest["bundle"], "commit": manifest["git_commit"], "data": data, "config": manifest["config"]}


def read(stored: "ModelVersion | StoredVersion", state: State) -> Version:
    """Return a version from its tags and the ledger's state.

    Raises:
        VolantError: If it was not registered by Volant.
    """
    number = int(stored.version)
    last = state.last.get(int(stored.version))
    try:
        trees = {name: json.loads(stored.tags[name]) for name in ("metrics", "intervals", "datasets", "data")}
        texts = {name: stored.tags[name] for name in ("family", "precision", "metric", "config", "by")}
        return Version(
            flywheel=stored.name,
            number=number,
            status=state.statuses.get(number, "pending"),
            created=datetime.fromtimestamp(stored.creation_timestamp / 1000, UTC),
            size_bytes=int(stored.tags["size_bytes"]),
            commit=stored.tags["git_commit"],
            digest=stored.tags["bundle"],
            run_id=stored.run_id or "",
            source=stored.source or "",
            gated=json.loads(stored.tags.get(GATED, "{}")),
            aliases=tuple(name for name in ("champion", "challenger") if getattr(state, name) == number),
            **{**trees, "intervals": {name: (low, high) for name, (low, high) in trees["intervals"].items()}},
            **texts,
            **_decided(last),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise VolantError(
            f"Version {number} of {stored.name} lacks a tag that Volant sets, or has an invalid one ({error!r}). "
            "It was registered or changed by another program: delete it in MLflow's UI, or restore its tags."
        ) from error


def _decided(last: Entry | None) -> dict[str, Any]:
    if last is None or last.event == "register":
        return {}
    approved = {"approved_by": last.by, "approved_at": last.when} if last.event == "approve" else {}
    return {"note": last.note, "reasons": last.reasons, **approved}


def bundle_size(manifest: Mapping[str, Any]) -> int:
    """Return the bytes of all files of a bundle, by its manifest."""
    return sum(entry["size"] for entry in manifest["files"].values())


def checked(folder: Any, flywheel: str) -> dict[str, Any]:
    """Return the manifest of a bundle that is to become a version of a flywheel, after a check.

    Raises:
        VolantError: If it is not a valid bundle, or of another flywheel.
    """
    from volant.bundle.manifest import verify  # with Arrow: more than a reader of versions needs

    manifest = verify(folder)
    if manifest.get("flywheel") not in (None, flywheel):
        raise VolantError(f"{folder} is a bundle of {manifest['flywheel']}: it can't be a version of {flywheel}.")
    return manifest
