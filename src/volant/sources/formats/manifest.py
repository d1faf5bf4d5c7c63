"""Augmented manifests: what SageMaker Ground Truth writes, and what Amazon Comprehend reads.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa

from volant.errors import VolantError, did_you_mean
from volant.kinds import KINDS, kind_of_labels

FORMAT = "augmented manifest (SageMaker Ground Truth)"
META = "-metadata"
NAMES = ("class-name", "class-map")
MARKS = {*NAMES, "failure-reason", "human-annotated", "job-name"}
MAX_BYTES = 4 << 20  # of one text that is fetched
FETCHERS = 16

Opener = Callable[[str], AbstractContextManager[BinaryIO]]
Rows = Sequence[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Labelled:
    """The texts and labels of a manifest.

    Attributes:
        attribute: The label attribute, which is the name of the table's second column; the first is `text`.
        table: A row for each line.
        failed: Line to why it has no text or label.
    """

    attribute: str
    table: pa.Table
    failed: dict[int, str]


def is_manifest(head: str) -> bool:
    """Return whether the first line has a text, and a label attribute with its metadata.

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
    """Texts and labels of a manifest; texts that it only names are fetched.

    Fails with `VolantError` if it isn't clear which attribute is the label, or labels have numbers and no names.

    Args:
        rows: Its objects with their lines.
        origin: Where it is; what it names must be on S3 or beside it.
        kind: Of the flywheel; None: several labels a text where the manifest says so.
        attributes: Label attributes by preference: the first that a row has counts. Needed where there are several.
        opener: Opens a path or address.
    """
    chosen = _choose({name: None for _, row in rows for name in _attributes(row)}, attributes, origin)
    held = [(number, row, next((name for name in chosen if name in row), chosen[0])) for number, row in rows]
    _require_names(held, origin)
    several = any("class-map" in _metadata(row, name) for _, row, name in held)
    kind = kind or kind_of_labels(exclusive=not several)
    failed: dict[int, str] = {}
    labels = [_labels(number, row, name, kind, failed) for number, row, name in held]
    with ThreadPoolExecutor(FETCHERS) as pool:
        texts = list(pool.map(lambda one: text_of(one[0], one[1], origin, failed, opener), rows))
    column = KINDS[kind].types[0]
    return Labelled(chosen[0], pa.table({"text": texts, chosen[0]: pa.array(labels, column)}), failed)


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
            f"{origin}: several label attributes: {listed}. Choose one with --label, or list them by preference, of "
            f"which the first that a row has counts: --label {','.join(reversed(names))}."
        )
    return attributes or names


def _metadata(row: dict[str, Any], attribute: str) -> dict[str, Any]:
    found = row.get(attribute + META)
    return found if isinstance(found, dict) else {}


def _require_names(rows: Sequence[tuple[int, dict[str, Any], str]], origin: str) -> None:
    """Refuse a manifest whose labels are all numbers of a job, without names.

    Raises:
        VolantError: If no row has a name; says which key is missing.
    """
    told = [(number, row, name) for number, row, name in rows if "failure-reason" not in _metadata(row, name)]
    if told and not any(set(NAMES) & _metadata(row, name).keys() for _, row, name in told):
        number, row, name = told[0]
        raise VolantError(
            f"{origin}, line {number}: '{name}{META}' has no 'class-name' (several labels: 'class-map'), so the "
            f"meaning of {name} = {json.dumps(row.get(name))} is unknown. It has: {', '.join(_metadata(row, name))}. "
            "Export the output of the labelling job with its class names."
        )


def _labels(number: int, row: dict[str, Any], attribute: str, kind: str, failed: dict[int, str]) -> Any:
    """The label or labels of a row; None, and why, where it has none that can be read."""
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
    given = metadata["class-map"] if "class-map" in metadata else {"": metadata.get("class-name")}
    names = [str(name) for name in given.values() if name is not None] if isinstance(given, dict) else []
    if not KINDS[kind].exclusive:
        return names
    if len(names) != 1:
        failed[number] = f"{len(names)} labels, but this flywheel has one per text"
        return None
    return names[0]


def text_of(number: int, row: dict[str, Any], origin: str, failed: dict[int, str], opener: Opener) -> str:
    """The text of a row, fetched where the manifest only names it; empty where that fails, and `failed` says why."""
    if "source-ref" not in row:
        # half of an emoji, as JSON may hold it, becomes U+FFFD, which the checks name
        return str(row.get("source") or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    try:
        with opener(_place(str(row["source-ref"]), origin)) as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise VolantError(f"{row['source-ref']} is larger than {MAX_BYTES >> 20} MB")
        return content.decode("utf-8-sig")
    except (VolantError, UnicodeDecodeError) as error:
        failed[number] = f"its text can't be fetched: {error}"
        return ""


def _place(named: str, origin: str) -> str:
    """The address of a text: on S3, or a file in the folder of the manifest; a manifest opens nothing else.

    Raises:
        VolantError: If it is elsewhere.
    """
    if named.startswith("s3://"):
        return named
    inside = PurePosixPath(named)
    if "://" not in named and not inside.is_absolute() and ".." not in inside.parts:
        if "://" in origin:
            return f"{origin.rpartition('/')[0]}/{inside}"
        folder = Path(origin).expanduser().parent.resolve()
        if (folder / inside).resolve().is_relative_to(folder):
            return str(folder / inside)
    raise VolantError(f"'{named}' is neither at s3:// nor beside the manifest")
