"""A test of text that is not UTF-8 and read as Windows' western encoding: is it a western language?"""

import re
from collections.abc import Iterable

PUNCTUATION = "€£°«»“”‘’„‚–—…•·¡¿©®™§´½¼²³ª\xa0"
FOREIGN = re.compile(r"[^\x00-\x7f]")


def western(texts: Iterable[str]) -> str | None:
    """The first word with a letter beyond ASCII, if all texts look like a western language; else None.

    Letters beyond ASCII are scattered then: another script, read so, has them nearly everywhere.

    Args:
        texts: Pieces of the file, decoded as cp1252; one after the other, never all in memory.

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
        found = FOREIGN.findall(text)
        if _was_utf8(text) or not all(c.isalpha() or c in PUNCTUATION for c in found):
            return None
        example = example or _word(text)
        foreign = foreign + len(found)
        total = total + len(text)
    return example if foreign <= 0.15 * total else None


def _word(text: str) -> str:
    found = re.search(r"\S*[^\x00-\x7f]\S*", text)
    return found[0][:40] if found else ""


def _was_utf8(text: str) -> bool:
    """Return whether its bytes are UTF-8 after all: then the file is UTF-8 with a broken byte elsewhere."""
    try:
        text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True
