"""The dataset card: facts on the rows that a person should know before trusting a model trained on them."""

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
        name: Of the flywheel.
        description: One line on what the rows are.
        kind: Kind of the labels.
        splits: Train, validation and test rows.
        report: What `volant.datasets.splits.split.cut` says of published splits and dropped rows.
        folder: Where to write.
    """
    from volant.datasets.describe.plot import data
    from volant.rendering.canvas import save

    found = survey(kind, splits)
    counts = {split: [side.labels[label] for label in found.labels] for split, side in found.sides.items()}
    words, unit = _length_shown(found)
    save(data(found.labels, counts, words, unit), folder / "data.png")
    write_text(card(name, description, found, report), folder / "data.md")


def card(name: str, description: str, found: Survey, report: Mapping[str, Any]) -> str:
    """The whole card, as Markdown with its plot beside it.

    Args:
        name: Of the flywheel.
        description: One line on what the rows are.
        found: What was measured.
        report: `published`: splits that the source came with; `dropped`: rows left out, by split and reason;
            `alike`: the largest near-duplicate cluster.
    """
    listed = [*alike(report), *warnings(found)]
    sections = [
        f"# Data: {_plain(name)}\n\n{_plain(description)}",
        _rows(found, report),
        "## Warnings\n\n" + ("\n".join(f"- {_unlinked(line)}" for line in listed) or "None."),
        _labels(found),
        _lengths(found),
        _repeats(found),
        _groups(found),
        _examples(found),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _rows(found: Survey, report: Mapping[str, Any]) -> str:
    published = report.get("published", [])
    dropped = report.get("dropped", {})
    subset = report.get("subset")
    columns = {"as near-duplicates": "near_duplicates", "by group": "group"}
    rows = []
    for split, side in found.sides.items():
        gone = [f"{dropped.get(f'{split}_{key}', 0):,}" for key in columns.values()]
        rows.append([split, _origin(split, published, found.sides, subset), f"{side.rows:,}", *gone])
    head = ["split", "origin", "rows", *(f"dropped {reason}" for reason in columns)]
    why = (
        "Rows of train and validation are dropped if their text, a near-duplicate of it or their group is in a "
        "held-out split: a model that has seen the label would score too high."
    )
    total = sum(side.rows for side in found.sides.values())
    ingested = ", ".join(f"{rows:,} of {side}" for side, rows in report.get("ingested", {}).items() if rows)
    size = f"{total:,} rows, {len(found.labels)} labels." + (f" Ingested: {ingested}." if ingested else "")
    from volant.rendering.canvas import legend  # here: matplotlib is slow to import

    plot = ["![Data](data.png)", *filter(None, [legend(found.labels)])]
    return "\n\n".join([size, _grid(head, rows, left=2), why, *plot])


def _origin(split: str, published: Iterable[str], splits: Iterable[str], subset: int | None) -> str:
    if split == "train" and subset:
        return f"at most {subset:,} rows (split.train_subset_size), a sample"
    if split not in published:
        return "split from the published train"
    others = [other for other in splits if other not in published] if split == "train" else []
    return "published" + (f"; {' and '.join(others)} split from it" if others else "")


def _labels(found: Survey) -> str:
    rows = [
        [label, *(f"{side.labels[label]:,} ({_share(side, label)})" for side in found.sides.values())]
        for label in found.labels[:MOST]
    ]
    more = len(found.labels) - MOST
    note = f"\n\nAnd {more:,} rarer labels." if more > 0 else ""
    held = [[split, *_held(side.held)] for split, side in found.sides.items() if side.held is not None]
    if held:
        note += "\n\nA row may hold several labels, or none.\n\n"
        note += table(["labels per row", "mean", "most", "rows with none", "rows with several"], held)
    return f"## Labels\n\n{_grid(['label', *found.sides], rows)}{note}"


def _held(held: np.ndarray) -> list[str]:
    mean, most = (f"{held.mean():.2f}", f"{held.max()}") if len(held) else ("–", "–")
    return [mean, most, f"{(held == 0).sum():,}", f"{(held > 1).sum():,}"]


def _share(side: Side, label: str) -> str:
    return f"{side.labels[label] / max(side.rows, 1):.1%}"


def _lengths(found: Survey) -> str:
    rows = [
        [f"{split}, {unit}", *_quantiles(values)]
        for split, side in found.sides.items()
        for unit, values in (("words", side.words), ("characters", side.characters))
    ]
    return f"## Lengths\n\n{table(['', 'min', 'median', 'p95', 'max'], rows)}"


def _quantiles(values: np.ndarray) -> list[str]:
    if not len(values):
        return ["–"] * 4
    return [f"{n:,}" for n in np.percentile(values, [0, 50, 95, 100], method="inverted_cdf")]


def _repeats(found: Survey) -> str:
    rows = [[split, f"{side.repeated:,}", f"{side.conflicts:,}"] for split, side in found.sides.items()]
    lines = [
        "## Duplicates",
        table(["split", "rows that repeat a text", "texts with different labels"], rows),
    ]
    for split, side in found.sides.items():
        if side.conflict:
            answers = " and ".join(_plain(list(answer)) for answer in side.conflict.answers)
            lines.append(f"For example, in {split}: “{_plain(clip(side.conflict.text))}” is labelled {answers}.")
            break
    return "\n\n".join(lines)


def _groups(found: Survey) -> str:
    rows = [
        [g.column, f"{g.values:,}", f"{clip(g.largest)} ({g.largest_rows:,} rows)", f"{g.straddling:,}"]
        for g in found.groups
    ]
    head = ["column", "values", "most frequent", "values in more than one split"]
    return f"## Groups\n\nColumns of the source whose values repeat.\n\n{_grid(head, rows)}" if rows else ""


def _examples(found: Survey) -> str:
    rows = [[label, clip(text)] for label, texts in found.examples.items() for text in texts]
    which = f"the {SHOWN_LABELS} most frequent labels" if len(found.labels) > SHOWN_LABELS else "each label"
    note = f"Up to {SHOWN_TEXTS} train texts of {which}, first by id."
    return f"## Examples\n\n{note}\n\n{_grid(['label', 'text'], rows, left=2)}"


def clip(text: str) -> str:
    r"""The start of a text on one line, without characters that show nothing.

    Example:
        >>> clip("one\ttwo\n\x00three"), clip("a" * 200) == "a" * 119 + "…"
        ('one two three', True)
    """
    # the joiners shape letters and emoji, so they stay
    kept = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text[: 4 * LONGEST])
    line = " ".join(kept.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _plain(value: str | list[str]) -> str:
    return _unlinked(cell(value))


def _grid(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    return _unlinked(table(head, rows, left))


def _unlinked(markdown: str) -> str:
    """The data may hold links and pictures: a card that shows them must not follow them."""
    for mark in "[]~$":
        markdown = markdown.replace(mark, f"\\{mark}")
    return markdown


def _length_shown(found: Survey) -> tuple[dict[str, np.ndarray], str]:
    """Lengths to plot: in words, or in characters where the script has no spaces between words."""
    train = found.sides["train"]
    spaced = train.characters.sum() <= 15 * train.words.sum()  # English has about 6 characters a word
    unit = "words" if spaced else "characters"
    return {split: getattr(side, unit) for split, side in found.sides.items()}, unit
