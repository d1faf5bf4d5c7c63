"""Augmented manifests, which SageMaker Ground Truth writes and Amazon Comprehend reads.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS, kind_of_labels
from volant.kinds.record import SPANS
from volant.sources.formats.ground_truth import has_spans, lowest_confidence, spans_of_value

FORMAT = "augmented manifest (SageMaker Ground Truth)"
META = "-metadata"
NAMES = ("class-name", "class-map")
MARKS = {*NAMES, "failure-reason", "human-annotated", "job-name"}
MAX_BYTES = 4 << 20  # bytes of a text that is fetched
FETCHERS = 16

Opener = Callable[[str], AbstractContextManager[BinaryIO]]
Rows = Sequence[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Labelled:
    """The texts and labels of a manifest.

    Attributes:
        attribute: Label attribute, the name of the table's second column; the first is `text`.
        table: One row per line.
        failed: Line → reason why it has no text or label.
    """

    attribute: str
    table: pa.Table
    failed: dict[int, str]


def is_manifest(head: str) -> bool:
    """Return True if the first line has a text, and a label attribute with its metadata.

    Example:
        >>> is_manifest('{"source": "Fine.", "mood": 1, "mood-metadata": {"class-name": "good"}}')
        True
    """
    try:
        row = json.loads(head.lstrip("\ufeff \r\n").partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and bool({"source", "source-ref"} & row.keys()) and bool(_attributes(row))


def read(rows: Rows, origin: str, kind: str | None, attributes: Sequence[str], opener: Opener) -> Labelled:
    """Return the texts and labels of a manifest; texts that it only refers to are fetched.

    Fails with `VolantError` if the label attribute is ambiguous, or labels have numbers and no names.

    Args:
        rows: Objects of the manifest with their lines.
        origin: Path or address of the manifest; the files that it refers to must be on S3 or beside it.
        kind: Kind of the flywheel; None to choose it by the manifest.
        attributes: Label attributes by preference: the first that a row has counts. Required if there are several.
        opener: Function that opens a path or address.
    """
    present = dict.fromkeys(chain.from_iterable(_attributes(row) for _, row in rows))
    names = _choose(present, attributes, origin)
    labelled = [(number, row, _first_of(names, row)) for number, row in rows]
    if any(has_spans(row.get(name)) for _, row, name in labelled):
        return _spanned(labelled, names[0], origin, opener)
    _require_names(labelled, origin)
    several = any("class-map" in _metadata(row, name) for _, row, name in labelled)
    kind = kind or kind_of_labels(exclusive=not several)
    failed: dict[int, str] = {}
    labels = [_labels(number, row, name, kind, failed) for number, row, name in labelled]
    texts = _texts(rows, origin, failed, opener)
    column = KINDS[kind].types[0]
    return Labelled(names[0], pa.table({"text": texts, names[0]: pa.array(labels, column)}), failed)


def _texts(rows: Rows, origin: str, failed: dict[int, str], opener: Opener) -> list[str]:
    with ThreadPoolExecutor(FETCHERS) as pool:
        return list(pool.map(lambda pair: text_of(pair[0], pair[1], origin, failed, opener), rows))


def _spanned(rows: Sequence[tuple[int, dict[str, Any], str]], attribute: str, origin: str, opener: Opener) -> Labelled:
    """Return the texts and spans of a manifest of spans, with the lowest confidence of each row."""
    failed: dict[int, str] = {}
    texts = _texts([(number, row) for number, row, _ in rows], origin, failed, opener)
    spans = []
    for number, row, name in rows:
        value = row.get(name)
        cell = None
        if "failure-reason" in _metadata(row, name):
            failed[number] = f"labelling failed: {_metadata(row, name)['failure-reason']}"
        elif not has_spans(value):
            failed[number] = f"no {name}.annotations.entities"
        else:
            try:
                cell = spans_of_value(row[name])
            except ValueError as error:
                failed[number] = str(error)
        spans.append(cell)
    confidence = [lowest_confidence(_metadata(row, name)) for _, row, name in rows]
    columns = {"text": texts, attribute: pa.array(spans, SPANS), "confidence": pa.array(confidence, pa.float64())}
    return Labelled(attribute, pa.table(columns), failed)


def _first_of(names: Sequence[str], row: dict[str, Any]) -> str:
    """Return the first name that the row has, else the first one."""
    return next((name for name in names if name in row), names[0])


def _attributes(row: dict[str, Any]) -> list[str]:
    metadata = [name for name, value in row.items() if name.endswith(META) and isinstance(value, dict)]
    return [name.removesuffix(META) for name in metadata if _is_label(row[name])]


def _is_label(metadata: Mapping[str, Any]) -> bool:
    return bool(MARKS & metadata.keys()) or str(metadata.get("type", "")).startswith("groundtruth/")


def _choose(names: Iterable[str], attributes: Sequence[str], origin: str) -> Sequence[str]:
    names = list(names)
    listed = ", ".join(sorted(names))
    for attribute in attributes:
        if attribute not in names:
            raise VolantError(
                f"{origin}: no label attribute '{attribute}'.{did_you_mean(attribute, names)} It has: {listed}."
            )
    if not attributes and len(names) > 1:
        raise VolantError(
            f"{origin}: several label attributes: {listed}. Choose one with --label, or list them by preference; the "
            f"first that a row has counts: --label {','.join(reversed(names))}."
        )
    return attributes or names


def _metadata(row: dict[str, Any], attribute: str) -> dict[str, Any]:
    metadata = row.get(attribute + META)
    return metadata if isinstance(metadata, dict) else {}


def _require_names(rows: Sequence[tuple[int, dict[str, Any], str]], origin: str) -> None:
    """Refuse a manifest whose labels are all numbers of a job, without names.

    Raises:
        VolantError: If no row has a name; the message has the missing key.
    """
    labelled = [(number, row, name) for number, row, name in rows if "failure-reason" not in _metadata(row, name)]
    if labelled and not any(set(NAMES) & _metadata(row, name).keys() for _, row, name in labelled):
        number, row, name = labelled[0]
        raise VolantError(
            f"{origin}, line {number}: '{name}{META}' has no 'class-name' (several labels: 'class-map'), so the "
            f"meaning of {name} = {json.dumps(row.get(name))} is unknown. It has: {', '.join(_metadata(row, name))}. "
            "Export the output of the labelling job with its class names."
        )


def _labels(number: int, row: dict[str, Any], attribute: str, kind: str, failed: dict[int, str]) -> Any:
    """Return the label or labels of a row; None, with the reason in `failed`, if it has none that can be read."""
    metadata = row.get(attribute + META)
    if not isinstance(metadata, dict):
        failed[number] = f"no {attribute}{META}"
        return None
    if "failure-reason" in metadata:
        failed[number] = f"labelling failed: {metadata['failure-reason']}"
        return None
    if not set(NAMES) & metadata.keys():
        failed[number] = f"{attribute}{META} has no class-name"
        return None
    classes = metadata["class-map"] if "class-map" in metadata else {"": metadata.get("class-name")}
    names = [str(name) for name in classes.values() if name is not None] if isinstance(classes, dict) else []
    if not KINDS[kind].exclusive:
        return names
    if len(names) != 1:
        failed[number] = f"{len(names)} labels, but this flywheel has one per text"
        return None
    return names[0]


def text_of(number: int, row: dict[str, Any], origin: str, failed: dict[int, str], opener: Opener) -> str:
    """Return the text of a row, fetched if the manifest only refers to it; empty, with the reason in `failed`, if not.

    Args:
        number: Line of the row.
        row: Object of the manifest.
        origin: Path or address of the manifest.
        failed: Line → reason why it has no text; extended here.
        opener: Function that opens a path or address.
    """
    if "source-ref" not in row:
        # an unpaired surrogate, which JSON allows, becomes U+FFFD, which the checks report
        return str(row.get("source") or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    try:
        return _fetch(str(row["source-ref"]), origin, opener)
    except (VolantError, UnicodeDecodeError) as error:
        failed[number] = f"its text can't be fetched: {error}"
        return ""


def _fetch(reference: str, origin: str, opener: Opener) -> str:
    with opener(place_of(reference, origin)) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise VolantError(f"{reference} is larger than {MAX_BYTES >> 20} MB")
    return content.decode("utf-8-sig")


def place_of(reference: str, origin: str) -> str:
    """Return the address of a text: on S3, or a file in the folder of the manifest.

    Raises:
        VolantError: If it is elsewhere.
    """
    if reference.startswith("s3://"):
        return reference
    inside = PurePosixPath(reference)
    if "://" not in reference and not inside.is_absolute() and ".." not in inside.parts:
        if "://" in origin:
            return f"{origin.rpartition('/')[0]}/{inside}"
        folder = Path(origin).expanduser().parent.resolve()
        if (folder / inside).resolve().is_relative_to(folder):
            return str(folder / inside)
    raise VolantError(f"'{reference}' is neither at s3:// nor beside the manifest")
