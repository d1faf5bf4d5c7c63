"""The advice for a flywheel, as plain values."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Advice:
    """The advice.

    Attributes:
        flywheel: Its name.
        made_of: Digest of config and rows: as long as it is the same, only the weak spots are looked up again.
        rows: Train rows that were looked at.
        of: Train rows that there are.
        curve: Learning curve, as `Curve`; None for kinds of parts, which no quick model predicts.
        labels: Worst labels: label, f1, test_rows, train_rows.
        slices: Worst slices: slice, value, rows, score.
        suspected: How many labels of train are likely wrong.
        suspects: The surest of them: id, text, given, likely, margin.
        metric: The flywheel's metric.
    """

    flywheel: str
    made_of: str
    rows: int
    of: int
    curve: dict[str, Any] | None
    labels: list[dict[str, Any]]
    slices: list[dict[str, Any]]
    suspected: int
    suspects: list[dict[str, Any]]
    metric: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
