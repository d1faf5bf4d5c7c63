"""Folders of `seq.in`, `seq.out` and `label`: words, tags and intent of a sentence are on the same line of each.

Source: https://github.com/monologg/JointBERT (data/snips, data/atis), after https://github.com/MiuLab/SlotGated-SLU
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pyarrow as pa

from volant.errors import VolantError
from volant.kinds.record import SPANS
from volant.sources.formats.conll import spans_of_runs
from volant.sources.formats.lines import Format, read_lines
from volant.sources.formats.manifest import Opener
from volant.sources.formats.schemes import scheme_of
from volant.sources.formats.sniff import decompressed
from volant.sources.formats.tokens import join

WORDS = "seq.in"
TAGS = "seq.out"
INTENTS = "label"
SPLITS = {"train": ("train",), "validation": ("valid", "dev", "validation"), "test": ("test",)}


def is_slots(name: str) -> bool:
    """Return True for the file of words of such a folder.

    Example:
        >>> is_slots("data/snips/train/seq.in"), is_slots("seq.in.csv")
        (True, False)
    """
    return PurePosixPath(name).name == WORDS


def words_file(path: str) -> str:
    """Return the file of words of a local folder that has one; every other path as it is."""
    inside = Path(path).expanduser() / WORDS
    return str(Path(path) / WORDS) if "://" not in path and inside.is_file() else path


def splits(folder: str) -> dict[str, str]:
    """Return the folder of each split under a local folder of `train`, `valid` or `dev`, and `test`; else none."""
    local = Path(folder).expanduser()
    found = {}
    for split, names in SPLITS.items():
        name = next((name for name in names if (local / name / WORDS).is_file()), None)
        if name is not None and "://" not in folder:
            found[split] = f"{folder.rstrip('/')}/{name}"
    return found if "train" in found else {}


def read(data: BinaryIO, name: str, form: Format, opener: Opener) -> tuple[pa.Table, Sequence[int], str]:
    """Return `text`, `label` and `spans` of each line, the lines, and the scheme of the tags.

    Args:
        data: Decompressed bytes of the words.
        name: Path or address of the words; tags and intents are beside it.
        form: Its format.
        opener: Function that opens a path or address.

    Raises:
        VolantError: If the files don't have as many lines, or a line has more words than tags; the message names it.
    """
    words = _lines(data, name, form)
    columns = {other: _beside(name, other, form, opener) for other in (TAGS, INTENTS)}
    for other, lines in columns.items():
        if len(lines) != len(words):
            raise VolantError(
                f"{name} has {len(words):,} lines, but {other} beside it {len(lines):,}. Each line is one sentence, "
                "in the same order in all three files."
            )
    texts = []
    spans = []
    for number, (line, tags) in enumerate(zip(words, columns[TAGS], strict=True), 1):
        tokens = line.split()
        own = tags.split()
        if len(tokens) != len(own):
            raise VolantError(
                f"{name}, line {number}: {len(tokens)} words, but {len(own)} tags in {TAGS}. Each word needs one tag: "
                "O outside of slots."
            )
        text, places = join(tokens)
        texts.append(text)
        spans.append(spans_of_runs(own, places, f"{name}, line {number}"))
    gold = {"label": pa.array(columns[INTENTS], pa.string()), "spans": pa.array(spans, SPANS)}
    table = pa.table({"text": pa.array(texts, pa.string()), **gold})
    return table, range(1, len(words) + 1), scheme_of(tags.split() for tags in columns[TAGS])


def _beside(name: str, other: str, form: Format, opener: Opener) -> list[str]:
    with opener(name[: -len(WORDS)] + other) as raw:
        return _lines(decompressed(raw), name[: -len(WORDS)] + other, form)


def _lines(data: BinaryIO, name: str, form: Format) -> list[str]:
    lines = [line.strip() for line in read_lines(data, name, form)]
    while lines and not lines[-1]:
        lines.pop()
    return lines
