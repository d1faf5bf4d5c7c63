"""What the kinds share whose answers are labels of the whole text."""

import numpy as np
import pyarrow as pa

from volant.errors import VolantError, did_you_mean


def column(table: pa.Table, name: str) -> list:
    """The values of a target column.

    Raises:
        VolantError: If the table lacks it.
    """
    if name not in table.column_names:
        raise VolantError(
            f"The rows have no column '{name}'. They have: {', '.join(table.column_names)}. "
            "Map your column to it under `source` in conf/flywheel/<name>.yaml."
        )
    return table.column(name).to_pylist()


def place(label: str | None, places: dict[str, int], row: int) -> int:
    """Where a label stands in the label set.

    Raises:
        VolantError: If it is not there, or the row has none.
    """
    if label in places:
        return places[label]
    given = f"has the label '{label}', which is not in the label set" if label is not None else "has no label"
    known = ", ".join(list(places)[:30])
    raise VolantError(
        f"Row {row} {given}.{did_you_mean(str(label), places)} "
        f"Labels: {known}{', …' if len(places) > 30 else ''}. "
        "Mend the data, or name every label under `labels` in conf/flywheel/<name>.yaml and train again."
    )


def plain(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Python numbers of one sample, without those that are undefined."""
    return {name: value.item() for name, value in values.items() if not np.isnan(value.item())}


def constant_auc(gold: np.ndarray) -> dict[str, float]:
    """The ROC-AUC of an answer that is always the same: it ranks nothing, half of the pairs are right."""
    return {"roc_auc": 0.5} if (gold.any(axis=0) & ~gold.all(axis=0)).all() else {}
