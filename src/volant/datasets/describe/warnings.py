"""Warnings on rows that may spoil training or evaluation."""

from collections.abc import Mapping
from typing import Any

from volant.datasets.describe.survey import SHOWN_LABELS, Survey
from volant.rendering.markdown import cell

IMBALANCE = 5  # times as many rows as the rarest label from which accuracy misleads
# Amazon Comprehend recommends 50 rows per class:
# https://docs.aws.amazon.com/comprehend/latest/dg/prep-classifier-data.html
FEW = 50
CHAINED = 1 / 3  # share of the rows in one near-duplicate cluster from which it determines the split


def warnings(facts: Survey) -> list[str]:
    """Return warnings on rows that may spoil training or evaluation, a sentence or two each."""
    lines = [*_imbalance(facts), *_few(facts)]
    for split, side in facts.sides.items():
        absent = [label for label in facts.labels if not side.labels[label]]
        cost = "it can't be learned" if split == "train" else f"its score on {split} is undefined"
        if absent:
            lines.append(f"No row in {split} for {_listed(absent)}: {cost}.")
        if empty := int((side.words == 0).sum()):
            lines.append(f"Empty texts in {split}: {empty:,}. The cleaning step `drop_empty` removes them.")
        if side.conflicts:
            lines.append(
                f"Texts in {split} that occur more than once with different labels: {side.conflicts:,}. "
                "No model can predict all of these rows."
            )
    return lines


def alike(report: Mapping[str, Any]) -> list[str]:
    """Warn if so many rows are near-duplicates of each other that they decide the split.

    Args:
        report: Report of `volant.datasets.splits.split.split_rows`.

    Example:
        >>> alike({"alike": {"rows": 40, "of": 100, "near_duplicates": 0.8}})[0][:52]
        '40 of 100 rows with text are near-duplicates of each'
    """
    largest = report.get("alike", {"rows": 0, "of": 0})
    if largest["rows"] <= CHAINED * largest["of"]:
        return []
    return [
        f"{largest['rows']:,} of {largest['of']:,} rows with text are near-duplicates of each other, or of one in "
        f"between, at split.near_duplicates={largest['near_duplicates']:g}. They are in one split, or dropped from the "
        "others: sizes may differ from the shares in `split`. If they differ in meaning, raise "
        "split.near_duplicates towards 1; if not, add more of the other texts."
    ]


def error_margin(rows: int) -> int:
    """Return by how many points a score on that many test rows may be off.

    95 % of the shares measured on n rows lie within 1.96 * sqrt(p (1 - p) / n); p = 0.5 is the worst case.

    Example:
        >>> error_margin(100), error_margin(0)
        (10, 50)
    """
    return min(50, round(98 / max(rows, 1) ** 0.5))


def _imbalance(facts: Survey) -> list[str]:
    counts = {label: n for label, n in facts.sides["train"].labels.items() if n}
    if not counts:
        return []
    least, most = (end(counts, key=lambda label: (counts[label], label)) for end in (min, max))
    if counts[most] < IMBALANCE * counts[least]:
        return []
    return [
        f"Imbalance: {cell(most)} has {counts[most]:,} rows in train, {cell(least)} {counts[least]:,} "
        f"({counts[most] / counts[least]:.0f} : 1). Look at `macro_f1`, "
        "not at accuracy; class weights may help."
    ]


def _few(facts: Survey) -> list[str]:
    counts = facts.sides["train"].labels
    few = sorted((label for label in facts.labels if 0 < counts[label] < FEW), key=lambda x: (counts[x], x))
    if not few:
        return []
    tested = min(facts.sides["test"].labels[label] for label in few) if "test" in facts.sides else 0

    return [
        f"Fewer than {FEW} rows in train for {_listed([f'{label} ({counts[label]})' for label in few])}. "
        "Expect it to be missed often and its scores to change with the seed: the rarest in test is "
        f"tested on {tested}, so its recall may be off by {error_margin(tested)} points."
    ]


def _listed(labels: list[str]) -> str:
    more = f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
    return ", ".join(cell(label) for label in labels[:SHOWN_LABELS]) + more
