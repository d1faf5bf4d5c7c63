"""Advice for kinds that predict parts of a text, which no quick model does: by the flywheel's own model."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from volant import config
from volant.bundle.bundle import Bundle
from volant.bundle.manifest import MANIFEST
from volant.evaluation.rows import served_rows
from volant.flywheel.advice.contradictions import MOST_ROWS, contradicted
from volant.flywheel.advice.mislabelled import MOST_SUSPECTS, Suspect, listed
from volant.flywheel.advice.record import Advice
from volant.flywheel.advice.rows import fair_order, strata
from volant.kinds import KINDS
from volant.workspace import paths
from volant.workspace.files import read_table


def advise_on_parts(
    name: str, flywheel: config.Flywheel, clean: pa.Table, made_of: str, root: Path
) -> tuple[Advice, pa.Table, list[Suspect]]:
    """Ask the flywheel's own model; return the advice, the train rows that it read, and all that it contradicts.

    Args:
        name: Name of the flywheel.
        flywheel: Config of the flywheel.
        clean: Train rows after cleaning.
        made_of: Digest of config, rows and model.
        root: Root of the project.
    """
    kind = KINDS[flywheel.kind]
    rows = clean.slice(0, 0)
    found: list[Suspect] = []
    if paths.bundle(name, root).exists():
        order = fair_order(strata(kind, kind.gold(clean)), flywheel.seed)[:MOST_ROWS]
        prepared = read_table(paths.prepared(name, root) / "train.parquet")
        bundle = Bundle.load(paths.bundle(name, root))
        rows, found = contradicted(bundle, served_rows(prepared, clean.take(np.sort(order))))
    advice = Advice(
        flywheel=name,
        made_of=made_of,
        rows=len(rows),
        of=len(clean),
        curve=None,
        labels=[],
        slices=[],
        suspected=len(found),
        suspects=listed(found, rows["id"].to_pylist(), rows["text"].to_pylist(), MOST_SUSPECTS),
        metric=flywheel.metric,
    )
    return advice, rows, found


def bundle_digest(name: str, root: Path) -> str | None:
    """Return the digest of a flywheel's bundle; None if there is none."""
    path = paths.bundle(name, root) / MANIFEST
    return json.loads(path.read_text(encoding="utf-8"))["digest"] if path.exists() else None
