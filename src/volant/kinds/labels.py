"""Labels of rows, as all kinds read, place and claim them."""

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean

CLAIM = 0.2  # probability from which a label enters the calibration error although it is not predicted


def column(table: pa.Table, name: str) -> list:
    """Return the values of a target column.

    Raises:
        VolantError: If the table has no such column.
    """
    if name not in table.column_names:
        raise VolantError(
            f"The rows have no column '{name}'. They have: {', '.join(table.column_names)}. "
            "Map your column to it under `source` in conf/flywheel/<name>.yaml."
        )
    return table.column(name).to_pylist()


def place(label: str | None, places: dict[str, int], row: int) -> int:
    """Return the position of a label in the label set.

    Args:
        label: Label of the row, or None.
        places: Position of each label.
        row: Number of the row, for the message.

    Raises:
        VolantError: If the label is not in the label set, or the row has none.
    """
    if label in places:
        return places[label]
    problem = f"has the label '{label}', which is not in the label set" if label is not None else "has no label"
    allowed = ", ".join(list(places)[:30])
    raise VolantError(
        f"Row {row} {problem}.{did_you_mean(str(label), places)} "
        f"Labels: {allowed}{', …' if len(places) > 30 else ''}. "
        "Fix the data, or list every label under `labels` in conf/flywheel/<name>.yaml and train again."
    )


def plain(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the metrics of one sample as Python numbers, without those that are undefined."""
    return {name: value.item() for name, value in values.items() if not np.isnan(value.item())}


def constant_auc(gold: np.ndarray) -> dict[str, float]:
    """Return the ROC-AUC of constant predictions: 0.5, where it is defined."""
    return {"roc_auc": 0.5} if (gold.any(axis=0) & ~gold.all(axis=0)).all() else {}


def claims(
    probabilities: np.ndarray, targets: np.ndarray, predicted: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each label of each row, (claims,), and a mask of those that the row has, (claims,).

    Args:
        probabilities: Calibrated probability of each label, (N, L).
        targets: 1 where a row has a label, else 0, (N, L).
        predicted: True where a label was predicted, (N, L); if given, only those are returned, and those with a
            probability of at least `CLAIM`.
    """
    cells = np.ones(probabilities.shape, dtype=bool) if predicted is None else predicted | (probabilities >= CLAIM)
    return probabilities[cells], targets[cells] > 0
