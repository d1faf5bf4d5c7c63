"""A bundle: the saved model that is evaluated, registered and served; each file is verified before use.

Loading never runs code from the folder: weights are ONNX or safetensors, everything else is JSON or text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from volant.bundle.manifest import BundleError, verify
from volant.bundle.runtime import Runtime, load
from volant.cleaning import clean_texts, parse_steps
from volant.cleaning.offsets import clean_text
from volant.errors import VolantError
from volant.kinds import KINDS, Calibration, Kind
from volant.kinds.record import Annotation

GOLDEN = "golden.jsonl"
CARD = "README.md"
CHUNK = 4096  # texts that are cleaned, sorted by length and answered together


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
            MemoryError: If there is not enough memory.
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
            reason = f"{type(error).__name__}: {str(error)[:300]}"
            raise BundleError(f"{folder} can't be loaded ({reason}). Train again, or `dvc pull` the bundle.") from error
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
        stored = self.manifest["calibration"]
        lines = (tuple(stored.get(name, ())) for name in ("slopes", "offsets"))
        return Calibration(stored["temperature"], tuple(stored["thresholds"]), *lines)

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
            answers += self._labels(chunk) if self.kind.head == "text" else self._parts(chunk)
            if progress:
                progress(len(chunk))
        return answers

    def probabilities(self, texts: Sequence[str]) -> Any:
        """Return the probabilities of raw texts (N): (N, L) float32, or those of their tokens."""
        return self.kind.probabilities(self.runtime.logits(clean_texts(list(texts), self._steps)), self.calibration)

    def _labels(self, texts: Sequence[str]) -> list[Annotation]:
        return self.kind.decode(self.probabilities(texts), self.labels, self.calibration)

    def _parts(self, texts: Sequence[str]) -> list[Annotation]:
        """Return predictions whose parts are given in the raw texts, not in the cleaned ones."""
        cleaned = [clean_text(text, self._steps) for text in texts]
        clean = [text.text for text in cleaned]
        probabilities = self.kind.probabilities(self.runtime.logits(clean), self.calibration)
        predicted = self.kind.decode(probabilities, self.labels, self.calibration, clean)
        return [text.annotation(a, raw) for a, text, raw in zip(predicted, cleaned, texts, strict=True)]

    def golden(self) -> list[dict[str, Any]]:
        """Return the golden texts, each with the probability of every label when the bundle was made.

        Raises:
            BundleError: If there are none, or they can't be read.
        """
        path = self.folder / GOLDEN
        try:
            # not splitlines: a text may contain U+2028, which doesn't end a line of JSON
            cases = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
            complete = all(isinstance(case["text"], str) and set(case["scores"]) >= set(self.labels) for case in cases)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleError(f"{path} can't be read ({error!r}). Train again, or `dvc pull` the bundle.") from error
        if not cases or not complete:
            raise BundleError(f"{path} lacks golden texts or their scores. Train again, or `dvc pull` the bundle.")
        return cases

    def check_golden(self) -> None:
        """Compare the predictions for the golden texts with those from when the bundle was made.

        Raises:
            BundleError: If a probability differs by more than the manifest's tolerance.
        """
        golden = self.golden()
        # one by one: with 8-bit rounding, a result may depend on the other texts of a batch
        scores = np.array([self._row(self.predict([case["text"]])[0].scores) for case in golden])
        expected = np.array([self._row(case["scores"]) for case in golden])
        worst = float(np.abs(scores - expected).max(initial=0.0))
        if not worst <= self.manifest["golden_tolerance"]:
            raise BundleError(
                f"{self.folder}: golden texts are answered differently: a probability differs by {worst:.4f}, allowed "
                f"are {self.manifest['golden_tolerance']}. The runtime on this machine does not reproduce the model. "
                "Compare the versions in manifest.json, or train again."
            )

    def _row(self, scores: Mapping[str, float]) -> list[float]:
        return [scores[label] for label in self.labels]
