"""Train rows whose gold parts (spans, triples) contradict the flywheel's own model.

No quick model predicts parts of a text, and a refit without each row takes as long as several trainings. So the model
that was trained on these very rows answers them. It still contradicts what it could not learn, such as a single error
among many right examples. Errors that are repeated it has learned, and does not find.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from volant.bundle.bundle import Bundle
from volant.evaluation.rows import answerable
from volant.flywheel.advice.mislabelled import Suspect
from volant.kinds.answers import phrases
from volant.kinds.record import NOTHING, Annotation

MOST_ROWS = 5000  # rows to predict: seconds for a small encoder, a minute or two for a large one


def contradicted(bundle: Bundle, train: pa.Table) -> tuple[pa.Table, list[Suspect]]:
    """Return the rows that the bundle predicted, and those whose gold it contradicts, the most confident first.

    A row counts if its prediction is at least as probable as right predictions are on average, as in confident learning
    (Northcutt, Jiang & Chuang 2021, https://doi.org/10.1613/jair.1.12125).

    Args:
        bundle: The trained model.
        train: Train rows with the text before cleaning, as the bundle cleans it itself.
    """
    rows = answerable(bundle, train)
    texts = rows["text"].to_pylist()
    gold = bundle.kind.gold(rows)
    predicted = bundle.predict(texts)
    right = bundle.kind.tally(gold, predicted, bundle.labels).exact > 0
    confidence = np.array([bundle.kind.confidence(annotation) for annotation in predicted])
    if not right.any():  # it has learned nothing that could contradict
        return rows, []
    bar = confidence[right].mean()
    places = np.flatnonzero(~right & (confidence >= bar)).tolist()
    found = [_suspect(k, texts[k], (gold[k], predicted[k]), float(confidence[k])) for k in places]
    return rows, sorted(found, key=lambda suspect: (-suspect.margin, suspect.row))


def _suspect(row: int, text: str, pair: Sequence[Annotation], confidence: float) -> Suspect:
    gold, own = (Counter(phrases(annotation, text)) for annotation in pair)
    return Suspect(row, _words(gold - own), _words(own - gold), confidence)


def _words(parts: Counter[str]) -> str:
    return "; ".join(parts.elements()) or NOTHING
