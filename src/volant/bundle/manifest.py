"""The manifest of a bundle, validated before any file that it names is read: its author is not trusted."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from volant.kinds import KINDS

LARGEST_TOLERANCE = 0.05  # of a golden probability; with more, another model would pass
LARGEST = 64 * 1024 * 1024  # bytes of a manifest, as it is parsed before its digest is checked
LENIENT = ConfigDict(strict=True, extra="ignore")


@dataclass(frozen=True, config=LENIENT)
class File:
    """The hash and size of a file."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=LENIENT)
class Manifest:
    """The fields that every manifest must have; further ones are allowed."""

    kind: str
    labels: Annotated[list[str], Field(min_length=1)]
    metric: str
    cleaning: list[Any]
    calibration: dict[str, Any]
    runtime: dict[str, Any]
    golden_tolerance: Annotated[float, Field(ge=0, le=LARGEST_TOLERANCE)]
    files: dict[str, File]
    digest: str


def problem(manifest: object) -> str | None:
    """Return the problem of a manifest, in words; None if it is valid."""
    try:
        checked = TypeAdapter(Manifest).validate_json(json.dumps(manifest))  # strict, but accepts a mapping as a `File`
    except ValidationError as error:
        first = error.errors()[0]
        return f"`{'.'.join(map(str, first['loc'])) or 'the manifest'}`: {first['msg']}"
    return next(_problems(checked), None)


def _problems(manifest: Manifest) -> Iterator[str]:
    if manifest.kind not in KINDS:
        yield f"the kind {manifest.kind[:50]!r} is unknown; allowed: {', '.join(KINDS)}"
    if len(set(manifest.labels)) != len(manifest.labels):
        yield "a label is listed twice"
    for name in manifest.files:
        if not _is_plain(name):
            yield f"`files` names {name[:100]!r}, which is no path inside the bundle"
    try:
        named = list(_named(manifest.runtime))
    except (TypeError, RecursionError):
        yield "`runtime` has parts that are none"
        return
    for name in named:
        if not isinstance(name, str) or name not in manifest.files:
            yield f"`runtime` names {str(name)[:100]!r}, which `files` does not list with its hash"


def _is_plain(name: str) -> bool:
    r"""Return True if a name is a path inside a folder, on every system.

    Example:
        >>> [_is_plain(name) for name in ("model.onnx", "parts/a.json", "../a", "/a", "a/../b", "a\\b", "C:a", "")]
        [True, True, False, False, False, False, False, False]
    """
    path = PurePosixPath(name)
    odd = {"", ".", ".."} & set(name.split("/")) or any(character in name for character in "\\:")
    return bool(name) and name.isprintable() and not odd and not path.is_absolute()


def _named(runtime: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the names of the files of a runtime and its parts.

    Raises:
        TypeError: If a part is not a mapping.
    """
    if "model" in runtime:
        yield runtime["model"]
    yield from runtime.get("files", ())
    for part in runtime.get("parts", ()):
        if not isinstance(part, Mapping):
            raise TypeError
        yield from _named(part)
