"""Tags of tokens as labelled runs: IOB1, BIO (IOB2), BIOES, BILOU and BMES, or labels without a prefix.

Sources: https://www.clips.uantwerpen.be/conll2003/ner/ (IOB1), https://aclanthology.org/W95-0107 (BIO),
https://aclanthology.org/W09-1119 (BILOU). Runs begin and end as in conlleval:
https://www.clips.uantwerpen.be/conll2000/chunking/output.html
"""

import re
from collections.abc import Iterable, Sequence

from volant.errors import VolantError

OUTSIDE = "O"
TAG = re.compile(r"([BIESLUM])[-_](.+)", re.DOTALL)  # only the first hyphen separates: B-per-son is of label per-son
FIRST = {"B", "S", "U"}  # always begins a run
LAST = {"E", "L", "S", "U"}  # always ends one
Run = tuple[int, int, str]


def is_tag(cell: str) -> bool:
    """Return True for `O`, or a prefix with a label.

    Example:
        >>> [is_tag(cell) for cell in ("O", "B-per-son", "I_name", "B-", "NNP")]
        [True, True, True, False, False]
    """
    return cell == OUTSIDE or TAG.fullmatch(cell) is not None


def scheme_of(rows: Iterable[Sequence[str]]) -> str:
    """Return the name of the scheme of tags.

    Example:
        >>> scheme_of([["I-PER", "O"]]), scheme_of([["B-PER", "I-PER"]]), scheme_of([["S-PER"]]), scheme_of([["PER"]])
        ('IOB1', 'BIO', 'BIOES', 'IO')
    """
    prefixes: set[str] = set()
    open_starts = False
    for tags in rows:
        parts = [_parts(tag) for tag in tags]
        for (before, label_before), (prefix, label) in zip([(OUTSIDE, ""), *parts], parts, strict=False):
            prefixes.add(prefix)
            open_starts |= prefix == "I" and (before == OUTSIDE or label != label_before)
    for name, signs in (("BMES", "M"), ("BIOES", "ES"), ("BILOU", "LU")):
        if prefixes & set(signs):
            return name
    if prefixes <= {OUTSIDE, ""}:
        return "IO"
    return "IOB1" if open_starts else "BIO"


def runs(tags: Sequence[str], where: str) -> list[Run]:
    """Return the first token, the token after the last one and the label of each run.

    Args:
        tags: Tag of each token.
        where: File and line of the sentence, for messages.

    Raises:
        VolantError: If some tags have a prefix, and one is neither `O` nor a prefix with a label.

    Example:
        >>> runs(["B-per-son", "I-per-son", "I-org", "O", "S-org"], "a.txt, line 1")
        [(0, 2, 'per-son'), (2, 3, 'org'), (4, 5, 'org')]
    """
    prefixed = any(TAG.fullmatch(tag) for tag in tags)
    for tag in tags:
        if not tag or (prefixed and not is_tag(tag)):
            raise VolantError(
                f"{where}: '{tag}' is not a tag. Allowed: O, or a prefix and a label, as B-PER and I-PER (BIO, IOB1), "
                "also with E-, S- (BIOES), L-, U- (BILOU) or M- (BMES)."
            )
    result: list[Run] = []
    start = 0
    inside = ""  # label of the open run
    for k, (prefix, label) in enumerate(map(_parts, tags)):
        if inside and (label != inside or prefix in FIRST):
            result.append((start, k, inside))
            inside = ""
        if label and not inside:
            start = k
        inside = label
        if label and prefix in LAST:
            result.append((start, k + 1, label))
            inside = ""
    return [*result, (start, len(tags), inside)] if inside else result


def _parts(tag: str) -> tuple[str, str]:
    """Return the prefix and the label of a tag; no label for `O`, and no prefix for a label alone."""
    match = TAG.fullmatch(tag)
    if match:
        return match[1], match[2]
    return (OUTSIDE, "") if tag == OUTSIDE else ("", tag)
