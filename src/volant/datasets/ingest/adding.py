"""The creation of a dataset: rows, DVC, card, in this order; a crash between them leaves no dataset."""

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from volant.datasets import catalogue
from volant.datasets.catalogue import Card
from volant.datasets.ingest.labels import add_labels, recover_labels
from volant.datasets.ingest.lock import recover
from volant.datasets.ingest.report import Report
from volant.errors import VolantError
from volant.workspace.dvc import PATIENCE, patiently
from volant.workspace.files import part_path, sha256, write_table
from volant.workspace.locks import iteration_lock, now


def add(report: Report, table: pa.Table, name: str, files: Sequence[str], root: Path) -> Card:
    """Create a dataset: rows first, then DVC, then the card, with which it exists.

    Args:
        report: Report of the ingest.
        table: Rows of the dataset.
        name: The user's name for it.
        files: Files or addresses of the rows.
        root: Root of the project.

    Raises:
        VolantError: If DVC can't track them, or a dataset of this name is marked unused.
    """
    folder = catalogue.home(report.flywheel, report.split, root)
    draft = part_path(folder / "rows.parquet")
    write_table(table, draft)
    digest = sha256(draft)
    others = catalogue.cards(report.flywheel, root)
    card = Card(
        name=f"{name}-{digest[:8]}",
        flywheel=report.flywheel,
        split="train" if report.split == "train" else "test",
        origin=", ".join(files),
        format="; ".join(dict.fromkeys(report.formats.values())),
        rows=len(table),
        labels=report.labels,
        # never before that of another dataset, whatever the clock says: the order decides which rows are split for test
        time=max([now(), *(other.time for other in others)]),
        number=1 + max([0, *(other.number for other in others)]),
        sha256=digest,
    )
    if retired := next((other for other in others if other.name == card.name), None):
        draft.unlink()
        raise VolantError(
            f"{retired.name} is in the lake, and marked unused: {retired.unused}. A dataset can't return under its old "
            "name; ingest it with another --name."
        )
    path = catalogue.rows_path(card, root)
    os.replace(draft, path)

    def finish() -> None:
        if report.new_labels:
            add_labels(report.flywheel, report.new_labels, path, root)
        catalogue.write(card, root)
        recover_labels(report.flywheel, root)

    # a running iteration reads params.yaml again after each stage: its labels must not change under it
    lock = iteration_lock(f"volant ingest {report.flywheel} --new-labels", root, PATIENCE)
    try:
        with lock if report.new_labels else nullcontext():
            track(path, root, finish)
    except BaseException:
        recover(report.flywheel, root)
        raise
    return card


def track(path: Path, root: Path, finish: Callable[[], None]) -> None:
    """Track a file with DVC, then call `finish`, both while no stage can begin to read the lake.

    DVC hashes the files that a stage has read after the stage ran: a dataset created in between would count as used
    without being so. DVC's own locks prevent that.

    Args:
        path: File to track.
        root: Root of the project.
        finish: Function that creates the dataset.

    Raises:
        VolantError: If the project isn't under git and DVC, or DVC stays busy.
    """
    try:
        from dvc.exceptions import DvcException
    except ImportError as error:
        raise VolantError("The lake requires DVC. Install it with `pip install 'volant-nlp[train]'`.") from error
    try:
        patiently(lambda: _add(path, root, finish), root)
    except DvcException as error:
        raise VolantError(f"DVC can't track {path}: {error} Run volant in the root of a project.") from error


def _add(path: Path, root: Path, finish: Callable[[], None]) -> None:
    from dvc.repo import Repo, lock_repo

    with Repo(str(root.resolve())) as repo:
        repo.scm_context.quiet = True  # the report of the ingest names the files to commit
        with lock_repo(repo):
            repo.add(str(path.resolve()))  # pyright: ignore[reportArgumentType]
            finish()
