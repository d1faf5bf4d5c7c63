"""The linear family: TF-IDF word and character n-grams with logistic regression."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.bundle.runtime.linear import LinearRuntime, Sort, save_linear
from volant.config import STRICT
from volant.errors import VolantError
from volant.kinds.words import MARKS
from volant.models import Examples, Fitted, Task
from volant.models.folds import pick
from volant.models.logistic import fit_logistic
from volant.models.ngrams import Words, ngram_features

# one-letter words and marks such as "!" carry feeling and intent: scikit-learn's own pattern drops them
# and combining marks belong to their letter: its pattern drops the vowels of Hindi, Tamil or Thai
TOKEN = rf"(?u)\w[\w{MARKS}]*|[^\w\s][{MARKS}]*"


@dataclass(frozen=True, config=STRICT)
class Linear:
    """TF-IDF + logistic regression; several labels are one binary problem each (one-vs-rest).

    Attributes:
        word_ngrams: Lengths of word n-grams, from and to; null for none.
        char_ngrams: Lengths of character n-grams inside words, from and to; null for none.
        min_df: Keep n-grams that occur in at least this many texts; all of them where none does.
        max_features: Keep this many of the most frequent n-grams of each sort; null for all.
        sublinear_tf: Count 1 + log(n) for n occurrences.
        c: Inverse regularisation strength; larger fits more closely.
        class_weights: Weigh rare labels up.
        max_iter: Iterations of the solver at most.
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
            ValueError: If both sorts of n-grams are null, or lengths are not from a smaller to a larger one;
                pydantic reports it.
        """
        given = [lengths for lengths in (self.word_ngrams, self.char_ngrams) if lengths]
        if not given:
            raise ValueError("word_ngrams and char_ngrams are both null: give one of them lengths, such as [1, 2]")
        if any(not 1 <= least <= most for least, most in given):
            raise ValueError("lengths of n-grams are from and to, such as [1, 2]; the first is 1 or more")

    def fit(self, train: Examples, validation: Examples, task: Task, folder: Path, work: Path) -> Fitted:  # noqa: ARG002
        """Fit vectoriser and classifier; see `volant.models.Model.fit`. There is nothing to resume in `work`.

        Raises:
            VolantError: If the kind needs outputs for every token; or the texts of `train` hold no n-gram at all, are
                fewer than `min_df`, or have one label only.
        """
        task.require_text("The linear family")
        if train.targets.ndim == 1 and len(np.unique(train.targets)) < 2:
            raise VolantError(
                f"The {len(train.texts)} train rows have one label only: there is nothing to tell apart. Add rows of "
                f"another label ({', '.join(task.labels)}), or raise split.train_subset_size."
            )
        sorts, features = self._vectorise(train.texts)
        coefficients, intercepts = fit_logistic(
            features, train.targets, len(task.labels), self.c, self.class_weights, self.max_iter
        )
        runtime = save_linear(folder, sorts, coefficients, intercepts)
        scores = task.score(LinearRuntime(folder, runtime).logits(validation.texts), validation)
        best = {"epoch": 1.0, **{f"val_{name}": value for name, value in scores.items()}}
        return Fitted(candidates=(runtime,), history=(best,), best=best)

    def out_of_fold(self, rows: Examples, folds: Sequence[np.ndarray], task: Task) -> np.ndarray:
        """Logits (N, L) of each row by a model that was fitted without its fold."""
        logits = np.zeros((len(rows.texts), len(task.labels)), dtype=np.float32)
        for held in folds:
            rest = pick(rows, np.setdiff1d(np.arange(len(logits)), held))
            asked = pick(rows, held)
            with TemporaryDirectory() as name:
                fitted = self.fit(rest, asked, task, Path(name), Path(name))
                logits[held] = LinearRuntime(Path(name), fitted.candidates[0]).logits(asked.texts)
        return logits

    def _vectorise(self, texts: Sequence[str]) -> tuple[list[Sort], Any]:
        """The sorts of n-grams that there are, with their terms, and the features (N, F) of the texts.

        Where none recurs in `min_df` texts, as in a few texts whose script has no spaces, those that occur once are
        kept.
        """
        from scipy.sparse import hstack

        if self.min_df > len(texts):
            raise VolantError(f"min_df is {self.min_df}, and there are {len(texts)} train texts. Lower min_df.")
        words = Words.of(texts)
        for min_df in sorted({self.min_df, 1}, reverse=True):
            fitted = [ngram_features(words, sort, min_df, self.max_features) for sort in self._sorts()]
            if parts := [part for part in fitted if part]:
                return [sort for sort, _ in parts], hstack([features for _, features in parts], format="csr")
        raise VolantError(
            f"The {len(texts)} train texts hold no n-gram of words {self.word_ngrams} or characters "
            f"{self.char_ngrams}. Shorten word_ngrams or char_ngrams, or give longer texts."
        )

    def _sorts(self) -> Iterator[Sort]:
        if self.word_ngrams:
            yield Sort("word", self.word_ngrams, TOKEN, self.sublinear_tf)
        if self.char_ngrams:
            yield Sort("char_wb", self.char_ngrams, None, self.sublinear_tf)
