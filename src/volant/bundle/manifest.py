"""The manifest of a bundle: written with the hash of every file, and verified before any of them is used.

The author of a bundle is not trusted: the manifest is validated before any file that it names is read.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from volant.errors import VolantError
from volant.kinds import KINDS
from volant.workspace.files import sha256

SCHEMA = 1
MANIFEST = "manifest.json"
CLUTTER = {".DS_Store", "Thumbs.db", "desktop.ini"}  # files that file managers create in every folder
LARGEST_TOLERANCE = 0.05  # of a golden probability; with a larger one, a different model would pass
LARGEST = 64 * 1024 * 1024  # bytes of a manifest, which is parsed before its digest is checked
LENIENT = ConfigDict(strict=True, extra="ignore")


class BundleError(VolantError):
    """A bundle that can't be used: changed, incomplete, of another schema, or with different golden predictions."""


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


def verify(folder: Path) -> dict[str, Any]:
    """Verify a bundle's manifest and files without loading the model; return the manifest.

    Raises:
        BundleError: As `Bundle.load`.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            f"{folder} does not contain a bundle ({MANIFEST} is missing). Train one with `dvc repro`, or `dvc pull` it."
        )
    manifest = _read(path)
    if (schema := manifest.get("schema")) != SCHEMA:
        raise BundleError(
            f"{path}: schema {schema!r} is unknown; this version of Volant reads {SCHEMA}. Install a version that "
            "matches."
        )
    if reason := problem(manifest):
        raise BundleError(f"{path} is not a valid manifest ({reason}). Train again, or `dvc pull` the bundle.")
    files = manifest["files"]
    unknown = set(_names(folder)) - {MANIFEST, *files}
    if unknown:
        raise BundleError(
            f"{folder}: files that the manifest does not list: {', '.join(sorted(unknown))}. Remove them."
        )
    for name, entry in files.items():
        _verify_file(folder / name, entry)
    if digest(manifest) != manifest.get("digest"):
        raise BundleError(f"{path} was changed after the bundle was made. Train again, or `dvc pull` the bundle.")
    return manifest


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST} bytes")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise TypeError("it is not a JSON object")
    except (ValueError, TypeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise BundleError(f"{path} is not a valid manifest ({reason}). Train again, or `dvc pull` it.") from error
    return manifest


def _verify_file(path: Path, entry: dict[str, Any]) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is missing. `dvc pull` the bundle, or train it again.")
    if path.stat().st_size != entry["size"] or sha256(path) != entry["sha256"]:
        raise BundleError(f"{path} was changed (its sha256 differs). `dvc pull` the bundle, or train it again.")


def _names(folder: Path) -> list[str]:
    """Return the relative paths of the files in a bundle's folder."""
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name not in CLUTTER]


def seal(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest of a finished folder, with the hash and size of every file; return the manifest."""
    names = sorted(name for name in _names(folder) if Path(name).name != MANIFEST)
    files = {name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size} for name in names}
    sealed = {"schema": SCHEMA, **manifest, "files": files}
    sealed["digest"] = digest(sealed)
    text = json.dumps(sealed, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return sealed


def digest(manifest: dict[str, Any]) -> str:
    """Return the bundle's identity: the SHA-256 of its manifest, which holds the hashes of all its files."""
    body = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


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
            yield f"`files` names {name[:100]!r}, which is not a valid path inside the bundle"
    try:
        names = list(_file_names(manifest.runtime))
    except (TypeError, RecursionError):
        yield "`runtime` has invalid parts"
        return
    for name in names:
        if not isinstance(name, str) or name not in manifest.files:
            yield f"`runtime` names {str(name)[:100]!r}, which `files` does not list with its hash"


def _is_plain(name: str) -> bool:
    r"""Return True if a name is a path inside a folder, on every system.

    Example:
        >>> [_is_plain(name) for name in ("model.onnx", "parts/a.json", "../a", "/a", "a/../b", "a\\b", "C:a", "")]
        [True, True, False, False, False, False, False, False]
    """
    path = PurePosixPath(name)
    unsafe = {"", ".", ".."} & set(name.split("/")) or any(character in name for character in "\\:")
    return bool(name) and name.isprintable() and not unsafe and not path.is_absolute()


def _file_names(runtime: Mapping[str, Any]) -> Iterator[Any]:
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
        yield from _file_names(part)
