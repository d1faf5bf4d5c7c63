"""The train and the validation rows as a net reads them: token ids, targets, and the way from outputs to metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from volant.bundle.runtime.reader import Reader
from volant.bundle.runtime.windows import Window, join
from volant.kinds.outputs import LENGTH
from volant.models import Examples, Task


@dataclass(frozen=True)
class Side:
    """Rows as a net reads them: whole texts, or the windows of each text where the kind needs outputs for tokens.

    Attributes:
        rows: The examples.
        ids: Token ids of each text or window.
        targets: Target of each.
        windows: The windows, if there are any.
        reading: The share of `texts_cut`, and of all tokens, `tokens_read`.
    """

    rows: Examples
    ids: Sequence[Sequence[int]]
    targets: Any
    windows: Sequence[Window] | None
    reading: Mapping[str, float]

    def score(
        self, task: Task, axes: Mapping[str, Mapping[int, str]], arrays: Sequence[np.ndarray]
    ) -> dict[str, float]:
        """Return the metrics of a net's outputs for this side.

        Args:
            task: Kind, labels, metric.
            axes: Names of the axes of each output that vary, in the order of the outputs.
            arrays: Each output, padded, (N, …).
        """
        if self.windows is None:
            return task.score(arrays[0], self.rows)
        values = {}
        for (name, own), array in zip(axes.items(), arrays, strict=True):
            cut = own.get(1) == LENGTH
            values[name] = [row[: len(i)] if cut else row for row, i in zip(array, self.ids, strict=True)]
        return task.score(join(self.windows, values, {name: own.get(1, "") for name, own in axes.items()}), self.rows)


def read_side(reader: Reader, rows: Examples, task: Task) -> Side:
    """Read rows with the tokenizer, as the bundle will.

    Args:
        reader: Reader of texts; one of windows where the kind needs outputs for tokens.
        rows: Rows of one side.
        task: Kind and labels.
    """
    if task.kind.head == "text":
        ids, reading = reader.measured(rows.texts)
        return Side(rows, ids, rows.targets, None, reading)
    windows = reader.windows(rows.texts)
    gold = [rows.gold[window.text] for window in windows]
    targets = task.kind.targets(gold, task.labels, [window.offsets for window in windows])
    return Side(rows, [window.ids for window in windows], targets, windows, {"texts_cut": 0.0, "tokens_read": 1.0})
