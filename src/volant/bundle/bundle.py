"""A bundle: the saved model that is evaluated, registered and served; each file is verified before use.

Loading never runs code from the folder: weights are ONNX or safetensors, everything else is JSON or text.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from volant.bundle.manifest import LARGEST, problem
from volant.bundle.runtime import Runtime, load
from volant.cleaning import clean_texts, parse_steps
from volant.cleaning.offsets import clean_text
from volant.errors import VolantError
from volant.kinds import KINDS, Calibration, Kind
from volant.kinds.record import Annotation
from volant.workspace.files import sha256

SCHEMA = 1
MANIFEST = "manifest.json"
GOLDEN = "golden.jsonl"
CARD = "README.md"
CLUTTER = {".DS_Store", "Thumbs.db", "desktop.ini"}  # files that file managers create in every folder they show
CHUNK = 4096  # texts that are cleaned, sorted by length and answered together


class BundleError(VolantError):
    """A bundle that must not be used: changed, incomplete, of another schema, or with different golden predictions."""


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes:
        folder: Folder of the bundle.
        manifest: Kind, labels, cleaning, metric, data hashes, commit, versions, and the hash of every file.
        runtime: Runtime that runs the model.

    Example:
        bundle = Bundle.load(Path("models/reviews"))
        bundle.predict(["A fine film."])[0].label
    """

    folder: Path
    manifest: dict[str, Any]
    runtime: Runtime

    @classmethod
    def load(cls, folder: Path) -> "Bundle":
        """Verify every file of a bundle, load it, and compare its answers to the golden texts.

        Raises:
            BundleError: If the manifest is missing, broken or of an unknown schema, a file is missing, changed or
                unknown, the model can't be loaded, or a golden probability differs by more than the manifest's
                tolerance.
            OSError: If a file can't be opened.
            MemoryError: If the memory doesn't suffice.
            ImportError: If a package is missing.
            VolantError: If the runtime or a step is unknown to this version of Volant.
        """
        manifest = verify(folder)
        try:
            parse_steps(manifest["cleaning"])
            bundle = cls(folder, manifest, load(folder, manifest["runtime"]))
            bundle.check_golden()
        except (VolantError, ImportError, MemoryError, OSError):
            raise
        except Exception as error:  # files from an untrusted author can raise anything
            why = f"{type(error).__name__}: {str(error)[:300]}"
            raise BundleError(f"{folder} can't be loaded ({why}). Train again, or `dvc pull` the bundle.") from error
        return bundle

    @cached_property
    def kind(self) -> Kind:
        """The kind of task."""
        return KINDS[self.manifest["kind"]]

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set, in the order of the columns of `probabilities`."""
        return tuple(self.manifest["labels"])

    @property
    def metric(self) -> str:
        """The flywheel's metric."""
        return self.manifest["metric"]

    @cached_property
    def calibration(self) -> Calibration:
        """Temperature, thresholds and lines, fitted on validation; bundles of earlier versions have no lines."""
        found = self.manifest["calibration"]
        lines = (tuple(found.get(name, ())) for name in ("slopes", "offsets"))
        return Calibration(found["temperature"], tuple(found["thresholds"]), *lines)

    @cached_property
    def _steps(self) -> Any:
        return parse_steps(self.manifest["cleaning"])

    def predict(self, texts: Sequence[str], progress: Callable[[int], object] | None = None) -> list[Annotation]:
        """Return the prediction for each raw text, in order, with the probability of every label.

        Args:
            texts: Raw texts; the bundle's own cleaning steps are applied.
            progress: Called with the number of texts done, a few thousand at a time.
        """
        answers: list[Annotation] = []
        for start in range(0, len(texts), CHUNK):
            chunk = list(texts[start : start + CHUNK])
            answers += self._parts(chunk) if self.kind.head == "tokens" else self._decode(self._clean(chunk))
            if progress:
                progress(len(chunk))
        return answers

    def probabilities(self, texts: Sequence[str]) -> Any:
        """Return the probabilities of raw texts (N): (N, L) float32, or those of their tokens."""
        return self.kind.probabilities(self.runtime.logits(self._clean(texts)), self.calibration)

    def _parts(self, texts: Sequence[str]) -> list[Annotation]:
        """Return predictions whose spans, found in the cleaned texts, are those of the raw ones."""
        cleaned = [clean_text(text, self._steps) for text in texts]
        predicted = self._decode([text.text for text in cleaned])
        pairs = zip(predicted, cleaned, strict=True)
        return [replace(annotation, spans=tuple(text.raw(annotation.spans))) for annotation, text in pairs]

    def _clean(self, texts: Sequence[str]) -> list[str]:
        return clean_texts(list(texts), self._steps)

    def _decode(self, texts: Sequence[str]) -> list[Annotation]:
        probabilities = self.kind.probabilities(self.runtime.logits(texts), self.calibration)
        return self.kind.decode(probabilities, self.labels, self.calibration, texts)

    def golden(self) -> list[dict[str, Any]]:
        """Return the golden texts, each with the probability of every label at the time when the bundle was made.

        Raises:
            BundleError: If there are none, or they can't be read.
        """
        path = self.folder / GOLDEN
        try:
            # not splitlines: a text may contain U+2028, which doesn't end a line of JSON
            cases = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
            whole = all(isinstance(case["text"], str) and set(case["scores"]) >= set(self.labels) for case in cases)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleError(f"{path} can't be read ({error!r}). Train again, or `dvc pull` the bundle.") from error
        if not cases or not whole:
            raise BundleError(f"{path} lacks golden texts or their scores. Train again, or `dvc pull` the bundle.")
        return cases

    def check_golden(self) -> None:
        """Compare the predictions for the golden texts with those from when the bundle was made.

        Raises:
            BundleError: If a probability differs by more than the manifest's tolerance.
        """
        golden = self.golden()
        # one by one: with 8-bit rounding, a result may depend on the other texts of a batch
        predicted = [self.predict([case["text"]])[0].scores for case in golden]
        found = np.array([[scores[label] for label in self.labels] for scores in predicted])
        wanted = np.array([[case["scores"][label] for label in self.labels] for case in golden])
        worst = float(np.abs(found - wanted).max(initial=0.0))
        if not worst <= self.manifest["golden_tolerance"]:
            raise BundleError(
                f"{self.folder}: golden texts are answered differently: a probability is off by {worst:.4f}, allowed "
                f"{self.manifest['golden_tolerance']}. The runtime on this machine does not run this model as it was "
                "made; compare the versions in manifest.json, or train again."
            )


def verify(folder: Path) -> dict[str, Any]:
    """Verify a bundle's manifest and files without loading the model; return the manifest.

    Raises:
        BundleError: As `Bundle.load`.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            f"{folder} holds no bundle ({MANIFEST} is missing). Train one with `dvc repro`, or `dvc pull` it."
        )
    manifest = _read(path)
    if (schema := manifest.get("schema")) != SCHEMA:
        raise BundleError(
            f"{path}: schema {schema!r} is unknown; this volant reads {SCHEMA}. Use a volant that matches."
        )
    if wrong := problem(manifest):
        raise BundleError(f"{path} is not a manifest ({wrong}). Train again, or `dvc pull` the bundle.")
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
            raise TypeError("it is no JSON object")
    except (ValueError, TypeError, RecursionError) as error:
        why = f"{type(error).__name__}: {str(error)[:200]}"
        raise BundleError(f"{path} is not a manifest ({why}). Train again, or `dvc pull` the bundle.") from error
    return manifest


def _verify_file(path: Path, entry: dict[str, Any]) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is missing. `dvc pull` or train the bundle again.")
    if path.stat().st_size != entry["size"] or sha256(path) != entry["sha256"]:
        raise BundleError(f"{path} is not the file that was saved (its sha256 differs). `dvc pull` or train it again.")


def _names(folder: Path) -> list[str]:
    """Return the relative paths of the files in a bundle's folder."""
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name not in CLUTTER]


def seal(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest of a finished folder, with the hash and size of every file; return the manifest."""
    names = sorted(name for name in _names(folder) if Path(name).name != MANIFEST)
    files = {name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size} for name in names}
    whole = {"schema": SCHEMA, **manifest, "files": files}
    whole["digest"] = digest(whole)
    text = json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return whole


def digest(manifest: dict[str, Any]) -> str:
    """Return the bundle's identity: the SHA-256 of its manifest, which holds the hashes of all its files."""
    body = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def size(folder: Path) -> int:
    """Return the total size of a bundle's files in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
