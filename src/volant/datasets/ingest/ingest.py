"""`volant ingest`: files of labelled rows become one immutable dataset of the lake, wholly or not at all."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path

from volant import config
from volant.datasets import catalogue
from volant.datasets.ingest import checks
from volant.datasets.ingest.adding import add
from volant.datasets.ingest.checks import Bad
from volant.datasets.ingest.collect import Batch, collect
from volant.datasets.ingest.known import known
from volant.datasets.ingest.lock import locked, recover
from volant.datasets.ingest.reading import form_of, read
from volant.datasets.ingest.report import SHOWN, Report, refusal
from volant.errors import VolantError
from volant.sources.formats.options import Options as Written
from volant.workspace.files import write_text


@dataclass(frozen=True)
class Options:
    """The options of an ingest.

    Attributes:
        name: Of the dataset; the first file's by default.
        dry_run: Only report.
        max_bad: Bad rows that are left out without refusing the files; rows of unknown labels are never.
        skip_bad: Leave out all bad rows, and write them beside their file.
        new_labels: Accept labels that the flywheel doesn't know.
        text: Column that holds the text; found by default.
        label: Column, or attribute of a manifest, that holds the label; found by default.
        separator: Between the labels of a cell, where a text may have several; `|` by default.
        encoding: Of the files, as an order; else by byte-order mark, UTF-8, or the source's own.
        written: How the files are written otherwise; found by default.
        where: Column to the values that a row must have.
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
    written: Written = field(default_factory=Written)
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)


def ingest(name: str, files: Sequence[str], split: str, options: Options | None = None, root: Path = Path()) -> Report:
    """Bring rows into the lake of a flywheel, as one TRAIN or TEST dataset.

    The same rows again change nothing. Killed at any moment, the lake is as it was or has the whole dataset.

    Args:
        name: Of the flywheel.
        files: Local or remote; `read` says of which forms.
        split: `train` or `test`.
        options: See there.
        root: The project.

    Raises:
        VolantError: If a file can't be read, or has too many bad rows; names file and line. Nothing is changed then.
    """
    options = options or Options()
    config.flywheel(name, config.load(root / config.PARAMS))  # before anything is made under that name
    given = catalogue.checked(options.name or _stem(files[0]), "dataset")
    catalogue.home(name, split, root)
    with locked(name, root):
        if not options.dry_run:
            recover(name, root)
        flywheel = config.flywheel(name, config.load(root / config.PARAMS))  # as what was cut off left it
        there = known(name, flywheel.kind, flywheel.split.group, split, root)
        labels = set(flywheel.labels or there.labels)
        form = replace(
            form_of(flywheel.kind, flywheel.source, labels, options.encoding, options.written),
            where=options.where,
            text=options.text,
            label=options.label,
            separator=options.separator,
        )
        batch = collect([read(file, form) for file in files], flywheel, there, split, form, options.new_labels)
        report = replace(_report(name, split, batch, flywheel.kind, labels), dry_run=options.dry_run)
        refused = None if options.skip_bad else refusal(batch.bad, options.max_bad)
        if options.dry_run:
            return replace(report, refused=refused)
        if refused:
            raise VolantError(refused)
        rejected = _write_rejected(batch.bad) if options.skip_bad else []
        card = add(report, batch.table, given, files, root) if len(batch.table) else None
    return replace(report, dataset=card and card.name, rejected=rejected)


def _report(name: str, split: str, batch: Batch, kind: str, labels: set[str]) -> Report:
    counts = Counter(label for row in checks.labels_of(batch.table, kind) for label in row)
    return Report(
        flywheel=name,
        split=split,
        dataset=None,
        formats=batch.formats,
        rows=batch.rows,
        added=len(batch.table),
        known=batch.known,
        left_out=batch.left_out,
        bad=dict(Counter(one.reason for one in batch.bad).most_common()),
        examples=batch.bad[:SHOWN],
        labels=dict(sorted(counts.items())),
        new_labels=sorted(counts.keys() - labels) if labels else [],
        warnings=batch.warnings,
    )


def _write_rejected(bad: Sequence[Bad]) -> list[str]:
    """Write the bad rows of each file as JSON Lines for ingest once fixed: beside the file, or here if remote."""
    written = []
    for file in dict.fromkeys(one.file for one in bad):
        rows = [one for one in bad if one.file == file]
        lines = [json.dumps(_rejected(one), ensure_ascii=False) for one in rows]
        beside = Path(file).expanduser().parent
        # of a remote file, and of one in a folder that only can be read, they go to where we are
        folder = beside if "://" not in file and os.access(beside, os.W_OK) else Path()
        written.append(str(_beside(folder / file.rpartition("/")[2], "".join(f"{line}\n" for line in lines))))
    return written


def _beside(file: Path, text: str) -> Path:
    """Return where that is written: never over another text of the same name, or one that a person is fixing."""
    paths = (file.with_name(f"{file.name}.rejected{end}.jsonl") for end in chain([""], (f"-{n}" for n in count(2))))
    path = next(path for path in paths if not path.exists() or path.read_text(encoding="utf-8") == text)
    write_text(text, path)
    return path


def _rejected(bad: Bad) -> dict[str, str | int]:
    label = "|".join(bad.labels)
    return {"text": bad.text, "label": label, "line": bad.line, "reason": f"{bad.reason}: {bad.detail}"}


def _stem(file: str) -> str:
    r"""A name for a dataset from the name of its file.

    Example:
        >>> _stem("s3://bucket/my reviews (2).csv.gz")
        'my-reviews-2'
    """
    stem = file.rpartition("/")[2].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "dataset"
