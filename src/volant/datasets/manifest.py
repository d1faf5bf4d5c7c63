"""Augmented manifests: what SageMaker Ground Truth writes, and what Amazon Comprehend reads.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from volant.config import did_you_mean
from volant.errors import VolantError
from volant.sources.columns import TARGETS, Columns
from volant.sources.files import opened
from volant.sources.formats.jsonl import json_object

FORMAT = "augmented manifest (SageMaker Ground Truth)"
META = "-metadata"
MAX_BYTES = 4 << 20  # of one text that is fetched
FETCHERS = 16

Found = tuple[str, pa.Table, Columns, dict[int, str]]


def is_manifest(lines: Sequence[tuple[int, str]]) -> bool:
    """Whether the first line has a text, and a label attribute with its metadata.

    Example:
        >>> is_manifest([(1, '{"source": "Fine.", "mood": 1, "mood-metadata": {"class-name": "good"}}')])
        True
    """
    try:
        row = json.loads(lines[0][1]) if lines else None
    except ValueError:
        return False
    return isinstance(row, dict) and bool({"source", "source-ref"} & row.keys()) and bool(_attributes(row))


def read(lines: Sequence[tuple[int, str]], origin: str, kind: str, attribute: str | None) -> Found:
    """Texts and labels of a manifest; texts that it only names are fetched.

    Args:
        lines: Its lines with their numbers.
        origin: Where it is; what it names must be on S3 or beside it.
        kind: Of the flywheel.
        attribute: The label attribute, where a manifest has several.

    Returns:
        The format in words, the columns with the line of each row, how to read them, and line to what failed.

    Raises:
        VolantError: If a line is broken, or it isn't clear which attribute is the label.
    """
    rows = [(number, json_object(line, origin, number)) for number, line in lines]
    chosen = _choose({name for _, row in rows for name in _attributes(row)}, attribute, origin)
    failed: dict[int, str] = {}
    labels = [_labels(number, row, chosen, kind, failed) for number, row in rows]
    with ThreadPoolExecutor(FETCHERS) as pool:
        texts = list(pool.map(lambda one: _text(one[0], one[1], origin, failed), rows))
    target, column = TARGETS[kind], pa.string() if kind == "classify" else pa.list_(pa.string())
    columns = {"text": pa.array(texts, pa.string()), target: pa.array(labels, column)}
    numbers = pa.array([number for number, _ in rows], pa.int64())
    said = f"{FORMAT}, attribute '{chosen}'"
    return said, pa.table(columns | {"volant_line": numbers}), Columns(label=target, keep=[]), failed


def _attributes(row: dict[str, Any]) -> list[str]:
    metadata = [name for name, value in row.items() if name.endswith(META) and isinstance(value, dict)]
    named = [n for n in metadata if {"class-name", "class-map"} & row[n].keys() or "failure-reason" in row[n]]
    return [name.removesuffix(META) for name in named]


def _choose(names: set[str], attribute: str | None, origin: str) -> str:
    listed = ", ".join(sorted(names))
    if attribute and attribute not in names:
        raise VolantError(
            f"{origin}: no label attribute '{attribute}'.{did_you_mean(attribute, names)} It has: {listed}."
        )
    if not attribute and len(names) > 1:
        raise VolantError(f"{origin}: several label attributes. Choose one with --label: {listed}.")
    return attribute or next(iter(names))


def _labels(number: int, row: dict[str, Any], attribute: str, kind: str, failed: dict[int, str]) -> Any:
    """The label (classify) or labels of a row; None, and why, where it has none that can be read."""
    metadata = row.get(attribute + META)
    if not isinstance(metadata, dict):
        failed[number] = f"no {attribute}{META}"
        return None
    if "failure-reason" in metadata:
        failed[number] = f"labelling failed: {metadata['failure-reason']}"
        return None
    given = metadata["class-map"] if "class-map" in metadata else {"": metadata.get("class-name")}
    names = [str(name) for name in given.values() if name is not None] if isinstance(given, dict) else []
    if kind == "multilabel":
        return names
    if len(names) != 1:
        failed[number] = f"{len(names)} labels, but this flywheel has one a text"
        return None
    return names[0]


def _text(number: int, row: dict[str, Any], origin: str, failed: dict[int, str]) -> str:
    if "source-ref" not in row:
        # half of an emoji, as JSON may hold it, becomes U+FFFD, which the checks name
        return str(row.get("source") or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    try:
        with opened(_place(str(row["source-ref"]), origin)) as file:
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
