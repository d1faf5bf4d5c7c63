"""A test of whether text that is read in Windows' western encoding, as it is not UTF-8, is a western language."""

import re
from collections.abc import Iterable

PUNCTUATION = "€£°«»“”‘’„‚–—…•·¡¿©®™§´½¼²³ª\xa0"
FOREIGN = re.compile(r"[^\x00-\x7f]")


def western(texts: Iterable[str]) -> str | None:
    """Return the first word with a letter beyond ASCII, if all texts look like a western language; else None.

    In a western language, letters beyond ASCII are rare; another script, read so, has them nearly everywhere.

    Args:
        texts: Pieces of the file, decoded as cp1252; they are never all in memory.

    Example:
        >>> western(["no", "the café"]), western(["Привет, мир".encode("cp1251").decode("cp1252")])
        ('café', None)
    """
    example = ""
    foreign = 0
    total = 0
    for text in texts:
        if text.isascii():
            continue
        letters = FOREIGN.findall(text)
        if _was_utf8(text) or not all(c.isalpha() or c in PUNCTUATION for c in letters):
            return None
        example = example or _word(text)
        foreign = foreign + len(letters)
        total = total + len(text)
    return example if foreign <= 0.15 * total else None


def _word(text: str) -> str:
    match = re.search(r"\S*[^\x00-\x7f]\S*", text)
    return match[0][:40] if match else ""


def _was_utf8(text: str) -> bool:
    """Return True if its bytes are UTF-8 after all: then the file is UTF-8 with a broken byte elsewhere."""
    try:
        text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True
