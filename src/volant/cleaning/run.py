"""Application of cleaning steps to texts (prediction), a record batch (any Arrow engine), or all splits."""

import logging
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from operator import ne
from typing import Any

import pyarrow as pa

from volant.cleaning.drops import DropStep, Rows
from volant.cleaning.edits import move
from volant.cleaning.parse import Step, parse_steps, text_steps
from volant.cleaning.rewrites import TextStep
from volant.errors import VolantError
from volant.kinds.record import QUOTED, TARGETS, Span

log = logging.getLogger(__name__)

BATCH_ROWS = 10_000
SPANS_LOST = "spans_lost"
LAST_FIRST = ("test", "validation", "train")

Config = Sequence[str | Mapping[str, Any] | Step]


def clean_texts(texts: Sequence[str], steps: Config) -> list[str]:
    """Return the texts after the text steps; drop steps are skipped, so that every text gets a prediction.

    Args:
        texts: Texts as received.
        steps: A config list, or the result of `parse_steps` (faster if called often).

    Example:
        >>> clean_texts(["Great<br />film ", ""], ["html", "whitespace", "drop_empty"])
        ['Great film', '']
    """
    cleaned = list(texts)
    for step in text_steps(steps):
        cleaned = [step.apply(text) for text in cleaned]
    return cleaned


def clean_batch(batch: pa.RecordBatch, steps: Config) -> tuple[pa.RecordBatch, Counter[str]]:
    """Return a batch after the text steps, with its `spans` moved, and the number of rows that each step changed.

    Copies of parts of the text, as the subject of a fact, go through the same steps. A fact that loses a part is lost.

    Pure, so that it runs anywhere: `mapInArrow(lambda batches: (clean_batch(b, steps)[0] for b in batches))`.
    Spans and facts whose text was removed are counted under `spans_lost`.

    Example:
        >>> batch = pa.RecordBatch.from_pydict({"text": ["<b>hi</b>", "ho"]})
        >>> cleaned, counts = clean_batch(batch, ["html", "lower"])
        >>> cleaned["text"].to_pylist(), counts["html"], counts["lower"]
        (['hi', 'ho'], 1, 0)
    """
    texts = [text or "" for text in _column(batch, "text").to_pylist()]
    spans = _spans(batch, texts) if "spans" in batch.schema.names else None
    counts: Counter[str] = Counter()
    for step in text_steps(steps):
        cleaned = [step.apply(text) for text in texts]
        counts[step.name] = sum(map(ne, texts, cleaned))
        if spans and counts[step.name]:
            counts[SPANS_LOST] += _follow(spans, step, texts, cleaned)
        texts = cleaned
    columns: dict[str, list[Any]] = {"text": texts}
    if spans is not None:
        columns["spans"] = [None if row is None else list(map(asdict, row)) for row in spans]
    for name in QUOTED.keys() & set(batch.schema.names):
        columns[name], lost = _requoted(batch[name].to_pylist(), QUOTED[name], steps)
        counts[SPANS_LOST] += lost
    return _with(batch, columns), counts


def clean_tables(splits: Mapping[str, pa.Table], steps: Config) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """Return all splits after all steps, and a report of the rows that each step changed or dropped.

    Drop steps drop no rows of test, except for empty texts. A text step that changed no row at all gives a warning.

    Raises:
        VolantError: If a split has no `text`, a span lies outside its text, or no train rows are left.
    """
    parsed = parse_steps(steps)
    report: dict[str, Any] = {}
    cleaned: dict[str, pa.Table] = {}
    for name, table in splits.items():
        cleaned[name], counts = _clean_table(table, parsed)
        changed = {step.name: {"changed": counts[step.name]} for step in parsed if isinstance(step, TextStep)}
        report[name] = {"rows_in": table.num_rows, "spans_lost": counts[SPANS_LOST], "steps": changed}
    _drop(cleaned, [step for step in parsed if isinstance(step, DropStep)], report)
    for name, table in cleaned.items():
        report[name]["rows_out"] = table.num_rows
    if "train" in cleaned and not cleaned["train"].num_rows:
        raise VolantError(f"Cleaning left no row of train. Remove a drop step, or fix the source: {report['train']}.")
    warnings = _without_effect(parsed, report)
    for warning in warnings:
        log.warning(warning)
    return cleaned, {"splits": report, "warnings": warnings}


def _clean_table(table: pa.Table, steps: list[Step]) -> tuple[pa.Table, Counter[str]]:
    counts: Counter[str] = Counter()
    batches = []
    for batch in table.to_batches(max_chunksize=BATCH_ROWS):
        cleaned, changed = clean_batch(batch, steps)
        batches.append(cleaned)
        counts.update(changed)
    return pa.Table.from_batches(batches, table.schema), counts


def _drop(splits: dict[str, pa.Table], steps: list[DropStep], report: dict[str, Any]) -> None:
    """Drop rows of each split, test first, because the others depend on the rows of test that remain."""
    rows = {name: Rows(_column(table, "text").to_pylist(), _targets(table)) for name, table in splits.items()}
    order = sorted(splits, key=lambda name: (*LAST_FIRST, name).index(name))
    for step, name in product(steps, order):
        reasons = step.choose(name, rows)
        dropped = set().union(*reasons.values())
        counts = {reason: len(at) for reason, at in reasons.items()} if len(reasons) > 1 else {}
        report[name]["steps"][step.name] = {"dropped": len(dropped), **counts}
        if dropped:
            remaining = [at for at in range(splits[name].num_rows) if at not in dropped]
            splits[name] = splits[name].take(pa.array(remaining, pa.int64()))
            rows[name] = Rows([rows[name].texts[at] for at in remaining], [rows[name].targets[at] for at in remaining])


def _targets(table: pa.Table) -> list[Hashable]:
    """Return the gold of each row as one comparable value; the order of labels does not matter."""
    columns = [map(_comparable, table[name].to_pylist()) for name in TARGETS if name in table.schema.names]
    return list(zip(*columns, strict=True)) if columns else [()] * table.num_rows


def _comparable(value: str | list[Any] | None) -> Hashable:
    return tuple(sorted(map(repr, value))) if isinstance(value, list) else value


def _without_effect(steps: list[Step], report: dict[str, Any]) -> list[str]:
    warnings = []
    for step in steps:
        if isinstance(step, TextStep) and not any(split["steps"][step.name]["changed"] for split in report.values()):
            warnings.append(f"The cleaning step '{step.name}' changed no row: remove it, or move it up.")
    return warnings


def _spans(batch: pa.RecordBatch, texts: list[str]) -> list[list[Span] | None]:
    spans = list(map(_parsed, batch["spans"].to_pylist()))
    for at, (text, row) in enumerate(zip(texts, spans, strict=True)):
        for span in row or ():
            if not 0 <= span.start < span.end <= len(text):
                row_id = batch["id"][at].as_py() if "id" in batch.schema.names else at
                raise VolantError(
                    f"Row {row_id}: {span} lies outside its text of {len(text)} characters, or is empty. "
                    "Spans are 0 <= start < end <= length, end exclusive. Fix the source."
                )
    return spans


def _parsed(row: list[dict[str, Any]] | None) -> list[Span] | None:
    return None if row is None else [Span(**span) for span in row]


def _follow(spans: list[list[Span] | None], step: TextStep, old: list[str], new: list[str]) -> int:
    """Move the spans of the rows that a step changed, in place, and return the number of lost spans."""
    lost = 0
    for at, row in enumerate(spans):
        if row and old[at] != new[at]:
            moved = move(row, step.edits(old[at], new[at]))
            lost += len(row) - len(moved)
            spans[at] = moved
    return lost


def _requoted(
    rows: list[list[dict[str, Any]] | None], keys: Sequence[str], steps: Config
) -> tuple[list[list[dict[str, Any]] | None], int]:
    """Return the objects of each row with their copies of parts cleaned, and the number of those without one now."""
    parts = sorted({one[key] for row in rows for one in row or () for key in keys})
    cleaned = dict(zip(parts, clean_texts(parts, steps), strict=True))
    result: list[list[dict[str, Any]] | None] = []
    lost = 0
    for row in rows:
        objects = [one | _cleaned(one, keys, cleaned) for one in row or ()]
        whole = [one for one in objects if all(map(one.get, keys))]
        lost += len(objects) - len(whole)
        result.append(None if row is None else whole)
    return result, lost


def _cleaned(one: Mapping[str, Any], keys: Sequence[str], cleaned: Mapping[str, str]) -> dict[str, str]:
    return {key: cleaned[one[key]] for key in keys}


def _with(batch: pa.RecordBatch, columns: dict[str, list[Any]]) -> pa.RecordBatch:
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else batch.column(field.name)
        for field in batch.schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _column(data: pa.Table | pa.RecordBatch, name: str) -> pa.ChunkedArray | pa.Array:
    names = data.schema.names
    if name not in names:
        raise VolantError(f"There is no column '{name}'. Columns: {', '.join(names)}. Map it in the source.")
    return data.column(name)
