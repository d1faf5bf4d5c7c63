"""The linear family: TF-IDF word and character n-grams with logistic regression."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.bundle.runtime.linear import LinearRuntime, Vectorizer, save_linear
from volant.config import STRICT
from volant.errors import VolantError
from volant.kinds.words import MARKS
from volant.models import Examples, Fitted, Task
from volant.models.folds import pick
from volant.models.logistic import fit_logistic
from volant.models.ngrams import Words, ngram_features

# scikit-learn's own pattern drops one-letter words and marks such as "!", which express sentiment and intent, and
# combining marks, such as the vowels of Hindi, Tamil or Thai
TOKEN = rf"(?u)\w[\w{MARKS}]*|[^\w\s][{MARKS}]*"


@dataclass(frozen=True, config=STRICT)
class Linear:
    """TF-IDF + logistic regression; several labels are one binary problem each (one-vs-rest).

    Attributes:
        word_ngrams: Minimum and maximum length of word n-grams; null for none.
        char_ngrams: Minimum and maximum length of character n-grams inside words; null for none.
        min_df: Keep n-grams that occur in at least this many texts; if none does, keep all.
        max_features: Keep this many of the most frequent n-grams of each type; null for all.
        sublinear_tf: Count 1 + log(n) for n occurrences.
        c: Inverse regularisation strength; larger fits more closely.
        class_weights: Give rare labels a higher weight.
        max_iter: Maximum number of iterations of the solver.
    """

    family: Literal["linear"] = "linear"
    word_ngrams: tuple[int, int] | None = Field(default=(1, 2))
    char_ngrams: tuple[int, int] | None = Field(default=None)
    min_df: int = Field(default=1, ge=1)
    max_features: int | None = Field(default=None, ge=1)
    sublinear_tf: bool = True
    c: float = Field(default=1.0, gt=0)
    class_weights: bool = False
    max_iter: int = Field(default=1000, ge=1)

    def __post_init__(self) -> None:
        """Refuse a model that can have no features.

        Raises:
            ValueError: If both types of n-grams are null, or a minimum length is below 1 or above the maximum;
                pydantic reports it.
        """
        ranges = [lengths for lengths in (self.word_ngrams, self.char_ngrams) if lengths]
        if not ranges:
            raise ValueError("word_ngrams and char_ngrams are both null: set one of them, such as [1, 2]")
        if any(not 1 <= least <= most for least, most in ranges):
            raise ValueError("lengths of n-grams are a minimum of at least 1 and a maximum, such as [1, 2]")

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:  # noqa: ARG002
        """Fit the vectorizers and the classifier.

        Args:
            train: Rows to learn from.
            validation: Rows whose metrics are reported.
            task: Kind, labels, metric, seed.
            folder: Folder of the files that the bundle will contain.
            work: Not used: the fit takes seconds, and is not resumed.

        Raises:
            VolantError: If the kind needs outputs for every token; or the texts of `train` contain no n-gram, are fewer
                than `min_df`, or have one label only.
        """
        task.require_text("The linear family")
        if train.targets.ndim == 1 and len(np.unique(train.targets)) < 2:
            raise VolantError(
                f"The {len(train.texts)} train rows have one label only; at least two labels are required. Add rows of "
                f"another label ({', '.join(task.labels)}), or increase split.train_subset_size."
            )
        vectorizers, features = self._vectorize(train.texts)
        coefficients, intercepts = fit_logistic(
            features, train.targets, len(task.labels), self.c, self.class_weights, self.max_iter
        )
        runtime = save_linear(folder, vectorizers, coefficients, intercepts)
        scores = task.score(LinearRuntime(folder, runtime).logits(validation.texts), validation)
        best = {"epoch": 1.0, **{f"val_{name}": value for name, value in scores.items()}}
        return Fitted(candidates=(runtime,), history=(best,), best=best)

    def out_of_fold(self, rows: Examples, folds: Sequence[np.ndarray], task: Task) -> np.ndarray:
        """Return the logits (N, L) of each row by a model that was fitted without its fold.

        Args:
            rows: Train rows.
            folds: Row positions of each fold.
            task: Kind, labels, metric, seed.
        """
        logits = np.zeros((len(rows.texts), len(task.labels)), dtype=np.float32)
        for fold in folds:
            rest = pick(rows, np.setdiff1d(np.arange(len(logits)), fold))
            test = pick(rows, fold)
            with TemporaryDirectory() as name:
                fitted = self.fit(rest, test, task, Path(name), Path(name))
                logits[fold] = LinearRuntime(Path(name), fitted.candidates[0]).logits(test.texts)
        return logits

    def _vectorize(self, texts: Sequence[str]) -> tuple[list[Vectorizer], Any]:
        """Return the fitted vectorizers, and the features (N, F) of the texts.

        If no n-gram occurs in `min_df` texts, as in a few texts whose script has no spaces, all n-grams are kept.

        Raises:
            VolantError: If there are fewer texts than `min_df`, or they contain no n-gram.
        """
        from scipy.sparse import hstack

        if self.min_df > len(texts):
            raise VolantError(f"min_df is {self.min_df}, but there are only {len(texts)} train texts. Lower min_df.")
        words = Words.of(texts)
        for min_df in sorted({self.min_df, 1}, reverse=True):
            fitted = [ngram_features(words, unfitted, min_df, self.max_features) for unfitted in self._vectorizers()]
            if parts := [part for part in fitted if part]:
                features = hstack([features for _, features in parts], format="csr")
                return [vectorizer for vectorizer, _ in parts], features
        raise VolantError(
            f"The {len(texts)} train texts contain no n-gram of words {self.word_ngrams} or characters "
            f"{self.char_ngrams}. Lower the lengths of word_ngrams or char_ngrams, or add longer texts."
        )

    def _vectorizers(self) -> Iterator[Vectorizer]:
        """Yield a vectorizer without terms for each type of n-grams."""
        if self.word_ngrams:
            yield Vectorizer("word", self.word_ngrams, TOKEN, self.sublinear_tf)
        if self.char_ngrams:
            yield Vectorizer("char_wb", self.char_ngrams, None, self.sublinear_tf)
