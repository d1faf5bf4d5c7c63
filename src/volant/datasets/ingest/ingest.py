"""`volant ingest`: files of labelled rows become one immutable dataset of the lake, completely or not at all."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from volant import config
from volant.datasets import catalogue
from volant.datasets.ingest import checks
from volant.datasets.ingest.adding import add
from volant.datasets.ingest.checks import Bad
from volant.datasets.ingest.collect import Batch, collect
from volant.datasets.ingest.existing import find_existing
from volant.datasets.ingest.lock import locked, recover
from volant.datasets.ingest.reading import form_of, read
from volant.datasets.ingest.report import SHOWN, Report, refusal
from volant.errors import VolantError
from volant.sources.formats.options import Options as FormatOptions
from volant.workspace.files import write_text


@dataclass(frozen=True)
class Options:
    """The options of an ingest.

    Attributes:
        name: Name of the dataset; the first file's by default.
        dry_run: True to report only.
        max_bad: Number of bad rows to skip without refusing the files; rows with unknown labels always refuse them.
        skip_bad: True to skip all bad rows, and write them beside their file.
        new_labels: True to accept labels that the flywheel doesn't have yet.
        text: Column of the text; detected by default.
        label: Column, or attribute of a manifest, of the label; detected by default.
        separator: Separator of the labels in a cell, if a text may have several; `|` by default.
        encoding: Encoding of the files; by default by byte-order mark, UTF-8, or the source's own.
        written: Other options of their format; detected by default.
        where: Column → values that a row must have.
    """

    name: str | None = None
    dry_run: bool = False
    max_bad: int = 0
    skip_bad: bool = False
    new_labels: bool = False
    text: str | None = None
    label: str | None = None
    separator: str | None = None
    encoding: str | None = None
    written: FormatOptions = field(default_factory=FormatOptions)
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)


def ingest(name: str, files: Sequence[str], split: str, options: Options | None = None, root: Path = Path()) -> Report:
    """Add rows to the lake of a flywheel, as one TRAIN or TEST dataset.

    The same rows again change nothing. If the process is killed, the lake is unchanged or has the complete dataset.

    Args:
        name: Name of the flywheel.
        files: Local or remote files, in any format of `read`.
        split: Side of the rows, `train` or `test`.
        options: Options of the ingest.
        root: Root of the project.

    Raises:
        VolantError: If a file can't be read, or has too many bad rows; the message names file and line. Nothing is
            changed then.
    """
    options = options or Options()
    config.flywheel(name, config.load(root / config.PARAMS))  # before anything is created under that name
    dataset = catalogue.checked(options.name or _stem(files[0]), "dataset")
    catalogue.home(name, split, root)
    with locked(name, root):
        if not options.dry_run:
            recover(name, root)
        flywheel = config.flywheel(name, config.load(root / config.PARAMS))  # after an interrupted ingest is recovered
        existing = find_existing(name, flywheel.kind, flywheel.split.group, split, root)
        labels = set(flywheel.labels or existing.labels)
        form = replace(
            form_of(flywheel.kind, flywheel.source, labels, options.encoding, options.written),
            where=options.where,
            text=options.text,
            label=options.label,
            separator=options.separator,
        )
        batch = collect([read(file, form) for file in files], flywheel, existing, split, form, options.new_labels)
        report = replace(_report(name, split, batch, flywheel.kind, labels), dry_run=options.dry_run)
        problem = None if options.skip_bad else refusal(batch.bad, options.max_bad)
        if options.dry_run:
            return replace(report, refused=problem)
        if problem:
            raise VolantError(problem)
        rejected = _write_rejected(batch.bad) if options.skip_bad else []
        card = add(report, batch.table, dataset, files, root) if len(batch.table) else None
    return replace(report, dataset=card and card.name, rejected=rejected)


def _report(name: str, split: str, batch: Batch, kind: str, labels: set[str]) -> Report:
    counts = Counter(chain.from_iterable(checks.labels_of(batch.table, kind)))
    return Report(
        flywheel=name,
        split=split,
        dataset=None,
        formats=batch.formats,
        rows=batch.rows,
        added=len(batch.table),
        known=batch.known,
        left_out=batch.left_out,
        bad=dict(Counter(row.reason for row in batch.bad).most_common()),
        examples=batch.bad[:SHOWN],
        labels=dict(sorted(counts.items())),
        new_labels=sorted(counts.keys() - labels) if labels else [],
        warnings=batch.warnings,
    )


def _write_rejected(bad: Sequence[Bad]) -> list[str]:
    """Write the bad rows of each file as JSON Lines for ingest once fixed: beside the file, or here if remote."""
    paths = []
    for file in dict.fromkeys(row.file for row in bad):
        rows = [row for row in bad if row.file == file]
        lines = [json.dumps(_rejected(row), ensure_ascii=False) for row in rows]
        parent = Path(file).expanduser().parent
        # rows of a remote file, or of one in a read-only folder, are written to the current folder
        folder = parent if "://" not in file and os.access(parent, os.W_OK) else Path()
        paths.append(str(_beside(folder / file.rpartition("/")[2], "".join(f"{line}\n" for line in lines))))
    return paths


def _beside(file: Path, text: str) -> Path:
    """Write the text beside the file and return its path; never over another text, which a person may be fixing."""
    path = file.with_name(f"{file.name}.rejected.jsonl")
    numbers = count(2)
    while path.exists() and path.read_text(encoding="utf-8") != text:
        path = file.with_name(f"{file.name}.rejected-{next(numbers)}.jsonl")
    write_text(text, path)
    return path


def _rejected(bad: Bad) -> dict[str, Any]:
    gold = bad.parts or {"label": "|".join(bad.labels)}
    return {"text": bad.text, **gold, "line": bad.line, "reason": f"{bad.reason}: {bad.detail}"}


def _stem(file: str) -> str:
    r"""Return a name for a dataset from the name of its file.

    Example:
        >>> _stem("s3://bucket/my reviews (2).csv.gz")
        'my-reviews-2'
    """
    stem = file.rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "dataset"
