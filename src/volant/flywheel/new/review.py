"""The review of labelled rows before anything is trained on them."""

import re
from collections import Counter, defaultdict

import pyarrow as pa

from volant.datasets.describe.warnings import FEW, IMBALANCE, error_margin
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.kinds.rows import text_key
from volant.sources.columns import check_rows
from volant.sources.guess.infer import SEPARATORS

MINIMUM = 8


def count_labels(rows: pa.Table, kind: str) -> Counter[str]:
    """Rows of each label, the most frequent first; equal ones by name."""
    counts = KINDS[kind].count(KINDS[kind].gold(rows))
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def review(rows: pa.Table, test: pa.Table | None, kind: str, where: str) -> list[str]:
    """Warnings, a sentence each; the worst first.

    Args:
        rows: Rows to learn from.
        test: Test rows, if the source has them.
        kind: Kind of the labels.
        where: Name of the source in messages.

    Raises:
        VolantError: If the rows can't be learned from: too few of a label, one class only, no text, or labels
            in test that train lacks.
    """
    odd = check_rows(rows, kind, where)
    counts = count_labels(rows, kind)
    composed = _composed(counts) if KINDS[kind].exclusive else []
    if few := {label: n for label, n in _count_texts(rows, kind).items() if n < MINIMUM}:
        few_texts = (
            f"{where}: too few different texts for {_listed(few)}; a label needs {MINIMUM} to train and test on. "
            "Add rows, merge rare labels, or remove their rows."
        )
        raise VolantError(" ".join([few_texts, *composed]))
    leaks = _leaks(rows, test, kind) if test is not None else []
    worst = [*leaks, *composed, *_duplicates(rows, kind), *_few(counts, rows, test)]
    return [*worst, *_imbalance(counts, rows), *_unlabelled(rows, kind), *odd]


def _count_texts(rows: pa.Table, kind: str) -> Counter[str]:
    """Different texts of each label: `prepare` drops the rest as duplicates."""
    texts = map(text_key, rows["text"].to_pylist())
    gold = zip(texts, KINDS[kind].gold(rows), strict=True)
    pairs = {(text, label) for text, a in gold if text for label in KINDS[kind].labels_of(a)}
    return Counter(label for _, label in pairs)


def _composed(counts: Counter[str]) -> list[str]:
    """Classes that are made of other classes: cells with several labels, too few to be seen as such."""
    signs = {sign.strip() or sign for label in counts for sign in re.findall(r"[^\w]+|_", label)}
    for sign in [*SEPARATORS, *sorted(signs - set(SEPARATORS))]:
        split = {label: set(map(str.strip, label.split(sign))) for label in counts if sign in label}
        made = {label: counts[label] for label, parts in split.items() if len(parts) > 1 and parts <= counts.keys()}
        if made:
            return [f"Several labels: {_listed(made)} looks like several labels. If so, give --separator '{sign}'."]
    return []


def _unlabelled(rows: pa.Table, kind: str) -> list[str]:
    one = KINDS[kind]
    none = 0 if one.exclusive else sum(not one.labels_of(a) for a in one.gold(rows))
    return (
        [f"No label: {none} of {rows.num_rows} rows have an empty list or cell; they are negatives for every label."]
        if none
        else []
    )


def _leaks(rows: pa.Table, test: pa.Table, kind: str) -> list[str]:
    unknown = count_labels(test, kind).keys() - count_labels(rows, kind).keys()
    if unknown:
        raise VolantError(
            f"The test file has labels that the data file lacks: {', '.join(sorted(unknown)[:10])}. "
            "Fix their spelling, or remove those rows."
        )
    known = {text_key(text) for text in rows["text"].to_pylist()}
    both = sum(text_key(text) in known for text in test["text"].to_pylist() if text_key(text))
    if not both:
        return []
    return [f"Leakage: {both} of {test.num_rows} test texts are in the data too; `prepare` drops them from train."]


def _duplicates(rows: pa.Table, kind: str) -> list[str]:
    labels: dict[str, set[str]] = defaultdict(set)
    filled = 0  # an empty text repeats nothing: `check_rows` says how many there are
    for text, annotation in zip(rows["text"].to_pylist(), KINDS[kind].gold(rows), strict=True):
        if key := text_key(text):
            labels[key].add(str(KINDS[kind].cell(annotation)))
            filled += 1
    repeated = filled - len(labels)
    contrary = sum(len(found) > 1 for found in labels.values())
    warnings = []
    if contrary:
        warnings.append(f"Contradiction: {contrary} texts have more than one label; no model can predict those.")
    if repeated:
        warnings.append(f"Duplicates: {repeated} of {filled} rows with text repeat the text of another.")
    return warnings


def _few(counts: Counter[str], rows: pa.Table, test: pa.Table | None) -> list[str]:
    few = {label: n for label, n in counts.items() if n < FEW}
    if not few:
        return []
    tested = test.num_rows if test is not None else max(1, round(rows.num_rows * 0.2))
    return [
        f"Few rows: {_listed(few)}. {MINIMUM} per label suffice to run, {FEW} are advised: with {tested} "
        f"test rows, expect a score to be off by up to {error_margin(tested)} points, and to change with the seed."
    ]


def _imbalance(counts: Counter[str], rows: pa.Table) -> list[str]:
    ordered = counts.most_common()
    most, n = ordered[0]
    least, m = ordered[-1]
    if n < IMBALANCE * m:
        return []
    return [
        f"Imbalance: '{most}' has {n} rows ({n / rows.num_rows:.0%}), '{least}' has {m}. Look at "
        "macro_f1, not at accuracy; class weights of the model may help."
    ]


def _listed(counts: dict[str, int]) -> str:
    shown = ", ".join(f"'{label}' ({n})" for label, n in sorted(counts.items(), key=lambda item: item[1])[:10])
    return shown + (f" and {len(counts) - 10} more" if len(counts) > 10 else "")
