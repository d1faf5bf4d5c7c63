"""What is known of a version: short facts as the registry's tags, everything else in `version.json` beside its files.

What was decided about it is not here: that is the ledger's, and is put together with these facts.
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

GATED = "gated"  # tag


@dataclass(frozen=True)
class Record:
    """What a version is kept with, and can be shown and judged by later.

    Attributes:
        config: The flywheel's config as a tree.
        details: `reports/<flywheel>/details.json`.
        speed: `reports/<flywheel>/speed.json`.
        train: `reports/<flywheel>/train.json`.
        datasets: Names of the lake's datasets that it was trained on.
        gate: What the gate found, where it was asked.
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
        flywheel: Whose version.
        number: Counted from 1.
        status: What the ledger says.
        created: When it was registered.
        by: Who registered it.
        family: Of its model.
        precision: Of its model, such as int8.
        size_bytes: Of its bundle.
        metric: The flywheel's metric.
        metrics: On the test rows.
        intervals: Low and high end of some of them.
        datasets: Names of the lake's datasets that it was trained on.
        data: sha256 of the clean splits that it was trained on.
        commit: Of the code.
        config: Digest of the config.
        digest: Of the bundle's manifest: the bundle's own name.
        run_id: MLflow's run that holds its files.
        source: Where MLflow keeps its files.
        aliases: `champion`, `challenger`, by the ledger.
        note: Why it was approved or rejected.
        reasons: The gate's, of a rejection.
        approved_by: Who approved it, if it is approved.
        approved_at: And when.
        gated: What the gate measured last: `test` and `labels` (digests of rows and label set), and the `scores` there.
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
        """All of it as JSON can say it."""
        times = {"created": self.created, "approved_at": self.approved_at}
        return {**asdict(self), **{name: time and time.isoformat() for name, time in times.items()}}


def tags(manifest: Mapping[str, Any], record: Record, size: int, by: str) -> dict[str, str]:
    """The tags of a new version: people read them in MLflow's pages, `read` gives them back."""
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
    """What an entry of the ledger says of a version: bundle, commit, data, config."""
    data = digest(json.loads(manifest["data"]))
    return {"bundle": manifest["bundle"], "commit": manifest["git_commit"], "data": data, "config": manifest["config"]}


def read(found: "ModelVersion", state: State) -> Version:
    """A version out of its tags and the ledger's state.

    Raises:
        VolantError: If it wasn't made by Volant.
    """
    number, last = int(found.version), state.last.get(int(found.version))
    try:
        told = {name: json.loads(found.tags[name]) for name in ("metrics", "intervals", "datasets", "data")}
        named = {name: found.tags[name] for name in ("family", "precision", "metric", "config", "by")}
        return Version(
            flywheel=found.name,
            number=number,
            status=state.statuses.get(number, "pending"),
            created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
            size_bytes=int(found.tags["size_bytes"]),
            commit=found.tags["git_commit"],
            digest=found.tags["bundle"],
            run_id=found.run_id or "",
            source=found.source or "",
            gated=json.loads(found.tags.get(GATED, "{}")),
            aliases=tuple(name for name in ("champion", "challenger") if getattr(state, name) == number),
            **{**told, "intervals": {name: (low, high) for name, (low, high) in told["intervals"].items()}},
            **named,
            **_decided(last),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise VolantError(
            f"Version {number} of {found.name} lacks what Volant notes with each version ({error!r}). "
            "It was registered or changed by something else: delete it in MLflow's pages, or give its tags back."
        ) from error


def _decided(last: Entry | None) -> dict[str, Any]:
    if last is None or last.event == "register":
        return {}
    approved = {"approved_by": last.by, "approved_at": last.when} if last.event == "approve" else {}
    return {"note": last.note, "reasons": last.reasons, **approved}


def bundle_size(manifest: Mapping[str, Any]) -> int:
    """Bytes of all files of a bundle, by its manifest."""
    return sum(entry["size"] for entry in manifest["files"].values())


def checked(folder: Any, flywheel: str) -> dict[str, Any]:
    """The manifest of a bundle that is to become a version of a flywheel.

    Raises:
        VolantError: If it is no sound bundle.
    """
    from volant.bundle import bundle  # with Arrow: more than a reader of versions needs

    manifest = bundle.verify(folder)
    if manifest.get("flywheel") not in (None, flywheel):
        raise VolantError(f"{folder} is a bundle of {manifest['flywheel']}: it can't be a version of {flywheel}.")
    return manifest
