"""Runs a TF-IDF + logistic regression model from JSON and safetensors."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = "vocabulary.json"
WEIGHTS = "linear.safetensors"
PARAMETERS = ("analyzer", "ngram_range", "token_pattern", "sublinear_tf", "lowercase")


def save_linear(folder: Path, vectoriser: Any, coefficients: np.ndarray, intercepts: np.ndarray) -> dict[str, Any]:
    """Write a fitted `FeatureUnion` of `TfidfVectorizer`s and weights (L, F); returns the manifest's `runtime`."""
    from safetensors.numpy import save_file

    tensors = {"coefficients": coefficients, "intercepts": intercepts}
    sorts = []
    for name, part in vectoriser.transformer_list:
        terms = sorted(part.vocabulary_, key=part.vocabulary_.__getitem__)
        sorts.append({"name": name, "terms": terms, **{p: getattr(part, p) for p in PARAMETERS}})
        tensors[f"idf.{name}"] = part.idf_.astype(np.float32)
    (folder / VOCABULARY).write_text(json.dumps(sorts, ensure_ascii=False), encoding="utf-8")
    save_file(tensors, folder / WEIGHTS)
    return {"type": "linear", "precision": "fp32", "files": [VOCABULARY, WEIGHTS]}


class LinearRuntime:
    """TF-IDF + linear layer; scikit-learn's own vectoriser is rebuilt, so training and serving tokenise alike."""

    def __init__(self, folder: Path, runtime: Mapping[str, Any]) -> None:  # noqa: ARG002  (one signature for all)
        from safetensors.numpy import load_file
        from sklearn.feature_extraction.text import TfidfVectorizer

        tensors = load_file(folder / WEIGHTS)
        self._coefficients = np.ascontiguousarray(tensors["coefficients"].T)
        self._intercepts = tensors["intercepts"]
        self._vectorisers = []
        for sort in json.loads((folder / VOCABULARY).read_text(encoding="utf-8")):
            parameters: dict[str, Any] = {name: sort[name] for name in PARAMETERS} | {
                "ngram_range": tuple(sort["ngram_range"])
            }
            parameters |= {"vocabulary": sort["terms"], "dtype": np.float32}
            vectoriser = TfidfVectorizer(**parameters)
            vectoriser.idf_ = tensors[f"idf.{sort['name']}"]
            self._vectorisers.append(vectoriser)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, L) of cleaned texts."""
        from scipy.sparse import hstack

        parts = [vectoriser.transform(texts) for vectoriser in self._vectorisers]
        features = parts[0] if len(parts) == 1 else hstack(parts, format="csr")
        return np.asarray(features @ self._coefficients + self._intercepts, dtype=np.float32)
