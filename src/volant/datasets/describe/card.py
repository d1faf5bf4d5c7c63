"""The dataset card: facts on the rows to know before a model trained on them is trusted."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from volant.datasets.describe.survey import SHOWN_LABELS, SHOWN_TEXTS, Side, Survey, survey
from volant.datasets.describe.warnings import alike, warnings
from volant.kinds import Kind
from volant.rendering.markdown import cell, table
from volant.workspace.files import write_text

LONGEST = 120  # characters shown of a text
MOST = 100  # labels listed


def write_card(
    name: str, description: str, kind: Kind, splits: dict[str, pa.Table], report: dict[str, Any], folder: Path
) -> None:
    """Write `data.md` and `data.png`: the same rows give the same bytes.

    Args:
        name: Name of the flywheel.
        description: Description of the rows, one line.
        kind: Kind of prediction.
        splits: Train, validation and test rows.
        report: Report of `volant.datasets.splits.split.split_rows`.
        folder: Folder to write to.
    """
    from volant.datasets.describe.plot import data
    from volant.rendering.canvas import save

    facts = survey(kind, splits)
    counts = {split: list(map(side.labels.__getitem__, facts.labels)) for split, side in facts.sides.items()}
    words, unit = _plotted_lengths(facts)
    save(data(facts.labels, counts, words, unit), folder / "data.png")
    write_text(card(name, description, facts, report), folder / "data.md")


def card(name: str, description: str, facts: Survey, report: Mapping[str, Any]) -> str:
    """Return the card as Markdown, with a link to its plot.

    Args:
        name: Name of the flywheel.
        description: Description of the rows, one line.
        facts: Survey of the rows.
        report: `published`: splits of the source; `dropped`: number of dropped rows by split and reason;
            `alike`: the largest near-duplicate cluster.
    """
    notes = [*alike(report), *warnings(facts)]
    sections = [
        f"# Data: {_plain(name)}\n\n{_plain(description)}",
        _rows(facts, report),
        "## Warnings\n\n" + ("\n".join(f"- {_unlinked(line)}" for line in notes) or "None."),
        _labels(facts),
        _lengths(facts),
        _repeats(facts),
        _groups(facts),
        _examples(facts),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _rows(facts: Survey, report: Mapping[str, Any]) -> str:
    published = report.get("published", [])
    dropped = report.get("dropped", {})
    subset = report.get("subset")
    columns = {"as near-duplicates": "near_duplicates", "by group": "group"}
    rows = []
    for split, side in facts.sides.items():
        dropped_rows = [f"{dropped.get(f'{split}_{key}', 0):,}" for key in columns.values()]
        rows.append([split, _origin(split, published, facts.sides, subset), f"{side.rows:,}", *dropped_rows])
    head = ["split", "origin", "rows", *(f"dropped {reason}" for reason in columns)]
    reason = (
        "Rows of train and validation are dropped if their text, a near-duplicate of it or their group is in a "
        "held-out split: a model that has seen the label would score too high."
    )
    total = sum(side.rows for side in facts.sides.values())
    ingested = ", ".join(f"{rows:,} of {side}" for side, rows in report.get("ingested", {}).items() if rows)
    size = f"{total:,} rows, {len(facts.labels)} labels." + (f" Ingested: {ingested}." if ingested else "")
    from volant.rendering.canvas import legend  # here: matplotlib is slow to import

    plot = ["![Data](data.png)", *filter(None, [legend(facts.labels)])]
    return "\n\n".join([size, _grid(head, rows, left=2), reason, *plot])


def _origin(split: str, published: Iterable[str], splits: Iterable[str], subset: int | None) -> str:
    if split == "train" and subset:
        return f"at most {subset:,} rows (split.train_subset_size), a sample"
    if split not in published:
        return "split from the published train"
    others = [other for other in splits if other not in published] if split == "train" else []
    return "published" + (f"; {' and '.join(others)} split from it" if others else "")


def _labels(facts: Survey) -> str:
    rows = [[label, *_counts(facts, label)] for label in facts.labels[:MOST]]
    remaining = len(facts.labels) - MOST
    note = f"\n\nAnd {remaining:,} rarer labels." if remaining > 0 else ""
    rows_with_labels = [
        [split, *_labels_per_row(side.labels_per_row)]
        for split, side in facts.sides.items()
        if side.labels_per_row is not None
    ]
    if rows_with_labels:
        note += "\n\nA row may have several labels, or none.\n\n"
        note += table(["labels per row", "mean", "most", "rows with none", "rows with several"], rows_with_labels)
    return f"## Labels\n\n{_grid(['label', *facts.sides], rows)}{note}"


def _labels_per_row(counts: np.ndarray) -> list[str]:
    mean, most = (f"{counts.mean():.2f}", f"{counts.max()}") if len(counts) else ("–", "–")
    return [mean, most, f"{(counts == 0).sum():,}", f"{(counts > 1).sum():,}"]


def _counts(facts: Survey, label: str) -> list[str]:
    """Return the number and share of a label's rows in each split."""
    return [f"{side.labels[label]:,} ({_share(side, label)})" for side in facts.sides.values()]


def _share(side: Side, label: str) -> str:
    return f"{side.labels[label] / max(side.rows, 1):.1%}"


def _lengths(facts: Survey) -> str:
    rows = []
    for split, side in facts.sides.items():
        rows.append([f"{split}, words", *_quantiles(side.words)])
        rows.append([f"{split}, characters", *_quantiles(side.characters)])
    return f"## Lengths\n\n{table(['', 'min', 'median', 'p95', 'max'], rows)}"


def _quantiles(values: np.ndarray) -> list[str]:
    if not len(values):
        return ["–"] * 4
    return [f"{n:,}" for n in np.percentile(values, [0, 50, 95, 100], method="inverted_cdf")]


def _repeats(facts: Survey) -> str:
    rows = [[split, f"{side.repeated:,}", f"{side.conflicts:,}"] for split, side in facts.sides.items()]
    lines = [
        "## Duplicates",
        table(["split", "rows that repeat a text", "texts with different labels"], rows),
    ]
    for split, side in facts.sides.items():
        if side.conflict:
            answers = " and ".join(_plain(list(answer)) for answer in side.conflict.answers)
            lines.append(f"For example, in {split}: “{_plain(clip(side.conflict.text))}” is labelled {answers}.")
            break
    return "\n\n".join(lines)


def _groups(facts: Survey) -> str:
    rows = [
        [g.column, f"{g.values:,}", f"{clip(g.largest)} ({g.largest_rows:,} rows)", f"{g.straddling:,}"]
        for g in facts.groups
    ]
    head = ["column", "values", "most frequent", "values in more than one split"]
    return f"## Groups\n\nColumns of the source whose values repeat.\n\n{_grid(head, rows)}" if rows else ""


def _examples(facts: Survey) -> str:
    rows = []
    for label, texts in facts.examples.items():
        rows += [[label, clip(text)] for text in texts]
    labels = f"the {SHOWN_LABELS} most frequent labels" if len(facts.labels) > SHOWN_LABELS else "each label"
    note = f"Up to {SHOWN_TEXTS} train texts of {labels}, first by id."
    return f"## Examples\n\n{note}\n\n{_grid(['label', 'text'], rows, left=2)}"


def clip(text: str) -> str:
    r"""Return the start of a text on one line, without invisible characters.

    Example:
        >>> clip("one\ttwo\n\x00three"), clip("a" * 200) == "a" * 119 + "…"
        ('one two three', True)
    """
    # the joiners shape letters and emoji, so they stay
    printable = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text[: 4 * LONGEST])
    line = " ".join(printable.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _plain(value: str | list[str]) -> str:
    return _unlinked(cell(value))


def _grid(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    return _unlinked(table(head, rows, left))


def _unlinked(markdown: str) -> str:
    """Escape the links and pictures that the data may contain, so that the card does not load them."""
    for mark in "[]~$":
        markdown = markdown.replace(mark, f"\\{mark}")
    return markdown


def _plotted_lengths(facts: Survey) -> tuple[dict[str, np.ndarray], str]:
    """Return the lengths to plot and their unit: words, or characters if the script has no spaces between words."""
    train = facts.sides["train"]
    spaced = train.characters.sum() <= 15 * train.words.sum()  # English has about 6 characters per word
    unit = "words" if spaced else "characters"
    return {split: getattr(side, unit) for split, side in facts.sides.items()}, unit
