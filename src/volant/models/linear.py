"""The linear family: TF-IDF word and character n-grams with logistic regression."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.bundle.runtime.linear import LinearRuntime, save_linear
from volant.config import STRICT
from volant.errors import VolantError
from volant.kinds.words import MARKS
from volant.models import Examples, Fitted, Task
from volant.models.folds import pick

NEVER = -20.0  # logit of a label that no train row has
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

    Source: https://scikit-learn.org/stable/modules/generated/sklearn.linear_model.LogisticRegression.html
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
            VolantError: If the texts of `train` hold no n-gram at all, are fewer than `min_df`, or have one label only.
        """
        if train.targets.ndim == 1 and len(np.unique(train.targets)) < 2:
            raise VolantError(
                f"The {len(train.texts)} train rows have one label only: there is nothing to tell apart. Add rows of "
                f"another label ({', '.join(task.labels)}), or raise split.train_subset_size."
            )
        vectoriser, features = self._vectorise(train.texts)
        classifier = self._classifier(task).fit(features, train.targets)
        coefficients, intercepts = weights_of(classifier, len(task.labels), features.shape[1])
        runtime = save_linear(folder, vectoriser, coefficients, intercepts)
        logits = vectoriser.transform(validation.texts) @ coefficients.T + intercepts
        scores = task.score(np.asarray(logits, dtype=np.float32), validation)
        best = {"epoch": 1.0, **{f"val_{name}": value for name, value in scores.items()}}
        return Fitted(candidates=(runtime,), history=(best,), best=best)

    def out_of_fold(self, rows: Examples, folds: Sequence[np.ndarray], task: Task) -> np.ndarray:
        """Logits (N, L) of each row by a model that was fitted without its fold."""
        logits = np.zeros((len(rows.texts), len(task.labels)), dtype=np.float32)
        for held in folds:
            rest, asked = pick(rows, np.setdiff1d(np.arange(len(logits)), held)), pick(rows, held)
            with TemporaryDirectory() as name:
                fitted = self.fit(rest, asked, task, Path(name), Path(name))
                logits[held] = LinearRuntime(Path(name), fitted.candidates[0]).logits(asked.texts)
        return logits

    def _vectorise(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """The fitted vectoriser and its features (N, F), of those sorts of n-grams that recur in `min_df` texts.

        Where none does, as in a few texts whose script has no spaces, those that occur once are kept.
        """
        from scipy.sparse import hstack
        from sklearn.pipeline import FeatureUnion

        if self.min_df > len(texts):
            raise VolantError(f"min_df is {self.min_df}, and there are {len(texts)} train texts. Lower min_df.")
        for min_df in sorted({self.min_df, 1}, reverse=True):
            parts, features = [], []
            for name, part in self._parts(min_df):
                with suppress(ValueError):  # no n-gram of this sort
                    features.append(part.fit_transform(texts))
                    parts.append((name, part))
            if parts:
                return FeatureUnion(parts), hstack(features, format="csr")
        raise VolantError(
            f"The {len(texts)} train texts hold no n-gram of words {self.word_ngrams} or characters "
            f"{self.char_ngrams}. Shorten word_ngrams or char_ngrams, or give longer texts."
        )

    def _parts(self, min_df: int) -> Iterator[tuple[str, Any]]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        sorts = {"word": self.word_ngrams, "char_wb": self.char_ngrams}
        common: dict[str, Any] = {"min_df": min_df, "max_features": self.max_features}
        common |= {"sublinear_tf": self.sublinear_tf, "dtype": np.float32}
        for name, ngrams in sorts.items():
            if ngrams:
                words: dict[str, Any] = {"token_pattern": TOKEN if name == "word" else None}
                yield name, TfidfVectorizer(analyzer=name, ngram_range=ngrams, **words, **common)

    def _classifier(self, task: Task) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier

        weights = "balanced" if self.class_weights else None
        single = len(task.labels) == 2 or not task.kind.exclusive
        classifier = LogisticRegression(
            C=self.c,
            class_weight=weights,
            max_iter=self.max_iter,
            random_state=task.seed,
            solver="liblinear" if single else "lbfgs",
        )
        return classifier if task.kind.exclusive else OneVsRestClassifier(classifier)


def weights_of(classifier: Any, count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (L, F) and intercepts (L,): a logit for each label, also where scikit-learn keeps fewer."""
    if hasattr(classifier, "estimators_"):
        return _one_vs_rest(classifier.estimators_, width)
    coefficients, intercepts = classifier.coef_, classifier.intercept_
    if len(classifier.classes_) == 2:  # softmax over (0, d) is the sigmoid of d
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([[0.0], intercepts])
    # a label that no train row has is as good as never the answer
    whole = np.zeros((count, coefficients.shape[1]), dtype=np.float32), np.full(count, NEVER, dtype=np.float32)
    whole[0][classifier.classes_], whole[1][classifier.classes_] = coefficients, intercepts
    return whole


def _one_vs_rest(estimators: Any, width: int) -> tuple[np.ndarray, np.ndarray]:
    rows, intercepts = [], []
    for estimator in estimators:
        if hasattr(estimator, "coef_"):
            rows.append(estimator.coef_[0])
            intercepts.append(estimator.intercept_[0])
        else:  # a label that no train row, or every one, has: scikit-learn keeps a constant
            rows.append(np.zeros(width))
            intercepts.append(-NEVER if estimator.predict([[0]])[0] else NEVER)
    return np.array(rows, dtype=np.float32), np.array(intercepts, dtype=np.float32)
