"""The rows of an unlabelled pool to label next: those of least confidence, and unlike each other.

Batch active learning by uncertainty, then clusters of the most uncertain, one row of each
(Zhdanov 2019, https://arxiv.org/abs/1901.05954).
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from volant import config
from volant.bundle.bundle import Bundle
from volant.errors import VolantError
from volant.flywheel.advice.cells import gold_cells, gold_columns
from volant.flywheel.advice.pool import Pool, read_pool
from volant.kinds import Kind
from volant.kinds.answers import row
from volant.kinds.calibration import score_matrix
from volant.kinds.record import Annotation
from volant.models.tfidf import TOKEN
from volant.sources.formats.cells import guarded
from volant.workspace import paths
from volant.workspace.files import write_text

WIDER = 10  # times as many uncertain rows as are wanted are clustered
DIMENSIONS = 50


@dataclass(frozen=True)
class Suggested:
    """The rows chosen from a pool.

    Attributes:
        rows: text, suggested label (or parts, as JSON) and score (1 = most uncertain), the most uncertain first.
        pool: Rows of the file.
        known: Those whose text is in the flywheel's rows already, empty ones too.
        twins: Those that repeat another text of the pool, nearly or exactly.
        answered: Those that the bundle answered: all others, or as many drawn at random.
        columns: Columns to fill in.
    """

    rows: list[dict[str, Any]]
    pool: int
    known: int
    twins: int
    answered: int
    columns: tuple[str, ...] = ("label",)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def suggest(
    name: str, flywheel: config.Flywheel, file: str, count: int, column: str = "text", root: Path = Path()
) -> Suggested:
    """Choose the rows of a pool that are most worth labelling.

    Args:
        name: Of the flywheel; its bundle `models/<name>` answers.
        flywheel: Its config.
        file: The pool: CSV, TSV, JSON Lines, Parquet or text with a document a line, local or s3://.
        count: How many rows are wanted.
        column: Column that holds the text.
        root: The project's root.

    Raises:
        VolantError: If there is no bundle, the file can't be read, or every text of it is known already.
    """
    if count < 1:
        raise VolantError(f"{count} rows can't be chosen. Give -n 1 or more.")
    bundle = Bundle.load(paths.bundle(name, root))
    pool = read_pool(file, column, name, flywheel, root)
    if not pool.texts:
        raise VolantError(f"Nothing to label in {file}: all of its {pool.rows} texts are known already, or empty.")
    answers = bundle.predict(pool.texts)
    unsure = uncertainty(bundle.kind, answers, bundle.labels, bundle.calibration.thresholds)
    chosen = spread(pool.texts, unsure, count, flywheel.seed)
    rows = [_row(pool, bundle.kind, answers[k], k, float(unsure[k])) for k in chosen]
    return Suggested(rows, pool.rows, pool.known, pool.twins, len(pool.texts), gold_columns(bundle.kind))


def uncertainty(
    kind: Kind, answers: Sequence[Annotation], labels: Sequence[str], thresholds: Sequence[float]
) -> np.ndarray:
    """Return the uncertainty of predictions (N,), 0 to 1: by the margin of the two best labels, or to a threshold.

    Parts of a text are as uncertain as the least probable of them (least confidence).

    Args:
        kind: Kind of the labels.
        answers: Predictions (N) with scores.
        labels: Label set (L).
        thresholds: Threshold of each label, where a text may have several; empty: 0.5.

    Example:
        >>> from volant.kinds import KINDS, kind_of_labels
        >>> answers = [Annotation(label="a", scores={"a": p, "b": 1 - p}) for p in (0.5, 0.75)]
        >>> uncertainty(KINDS[kind_of_labels(exclusive=True)], answers, ["a", "b"], ()).tolist()
        [1.0, 0.5]
    """
    if kind.head != "text":
        return np.array([1 - kind.confidence(answer) for answer in answers])
    scores = score_matrix(answers, labels)
    if scores is None:
        return np.zeros(len(answers))
    if kind.exclusive:
        best = np.sort(scores, axis=1)[:, -2:]
        return 1 - (best[:, 1] - best[:, 0])
    border = np.array(thresholds or (0.5,) * len(labels))
    # as a share of the way that is left, since a threshold of 0.1 has little room below
    away = np.where(scores >= border, (scores - border) / (1 - border), (border - scores) / border)
    return 1 - away.min(axis=1)


def spread(texts: Sequence[str], unsure: np.ndarray, count: int, seed: int) -> list[int]:
    """Positions of `count` uncertain texts that are unlike each other, the most uncertain first.

    Args:
        texts: The texts.
        unsure: How unsure the answer to each is, (N,).
        count: How many; all if there are fewer.
        seed: Of the clustering.
    """
    order: np.ndarray = np.argsort(-unsure, kind="stable")[: WIDER * count]
    if len(order) <= count:
        return order.tolist()
    # uncertain rows pull the centres toward them; a little for all, so that no weight is 0
    candidates: list[int] = order.tolist()
    chosen = _representatives(_places([texts[k] for k in candidates], seed), unsure[order] + 1e-3, count, seed)
    rest = np.setdiff1d(np.arange(len(order)), chosen)  # in order of uncertainty: they fill up what is missing
    return order[np.sort(np.r_[chosen, rest[: count - len(chosen)]])].tolist()


def _representatives(places: np.ndarray, weights: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Positions of the rows nearest to the centre of their cluster, one of each."""
    from sklearn.cluster import MiniBatchKMeans

    maker: Any = MiniBatchKMeans  # its stubs know no number for n_init
    found = maker(n_clusters=count, n_init=1, random_state=seed, batch_size=2048).fit(places, sample_weight=weights)
    away = np.linalg.norm(places - found.cluster_centers_[found.labels_], axis=1)
    nearest = np.lexsort((away, found.labels_))
    return nearest[np.unique(found.labels_[nearest], return_index=True)[1]]


def _places(texts: Sequence[str], seed: int) -> np.ndarray:
    """Return the position of each text (N, D): latent semantic analysis, rows of length 1."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    weights: Any = TfidfVectorizer(token_pattern=TOKEN, sublinear_tf=True).fit_transform(texts)
    size = min(DIMENSIONS, *(n - 1 for n in weights.shape))
    if size < 1:
        return np.zeros((len(texts), 1))
    return np.asarray(normalize(TruncatedSVD(size, random_state=seed).fit_transform(weights)))


def write_suggested(found: Suggested, out: Path) -> None:
    """Write them as CSV with an empty column for each of the kind to fill in; `volant ingest` takes it back.

    A `VolantError` results if the file is there already: somebody may have labelled in it.
    """
    refuse_existing(out)
    buffer = io.StringIO()
    writer = csv.writer(buffer)  # with other line ends than its own it leaves a text that holds "\r" without quotes
    writer.writerow(("text", *found.columns, "suggested", "score"))
    empty = [""] * len(found.columns)
    writer.writerows((guarded(row["text"]), *empty, guarded(row["suggested"]), row["score"]) for row in found.rows)
    write_text(buffer.getvalue(), out)


def refuse_existing(out: Path) -> None:
    """Refuse to write over a file.

    Raises:
        VolantError: If it is there already.
    """
    if out.exists():
        raise VolantError(f"{out} exists, and may hold labels by now. Choose another --out, or move it.")


def _row(pool: Pool, kind: Kind, answer: Annotation, place: int, unsure: float) -> dict[str, Any]:
    cells = gold_cells(kind, answer)
    suggested = cells[0] if len(cells) == 1 else json.dumps(row(kind, answer), ensure_ascii=False)
    return {"text": pool.texts[place], "suggested": suggested, "score": round(unsure, 4)}
