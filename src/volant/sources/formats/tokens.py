"""Tokens and their places in a text: joined to a text, or found in the text that they were cut from."""

import re
from collections.abc import Sequence

from volant.errors import VolantError

Place = tuple[int, int]
# Scripts that put no space between words: Thai, Lao, Khmer, kana, Han, full-width forms (the Unicode blocks' names)
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)
# Penn Treebank's escapes: https://web.archive.org/web/2020/https://www.cis.upenn.edu/~bies/manuals/tagman.pdf
ESCAPES = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"'}
BLANK = re.compile(r"\s+")
SHOWN = 40


def join(tokens: Sequence[str]) -> tuple[str, list[Place]]:
    """Return the text of tokens and the place of each: joined by spaces, except in scripts that have none.

    A sentence that is cut into single characters, as Chinese sets are, is joined as it is. An empty token adds nothing.

    Example:
        >>> join(["EU", "rejects", "it"]), join(["北京", "大学"])
        (('EU rejects it', [(0, 2), (3, 10), (11, 13)]), ('北京大学', [(0, 2), (2, 4)]))
        >>> join(["O", "N", "E", " ", "北"])[0]
        'ONE 北'
    """
    characters = all(len(token) <= 1 for token in tokens) and any(map(UNSPACED.match, tokens))
    text = ""
    places = []
    for token in tokens:
        if text and token and not characters and not _adjoin(text[-1], token[0]):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places


def align(text: str, tokens: Sequence[str], where: str) -> list[Place]:
    """Return the place of each token in its text, in which only white space may stand between tokens.

    Args:
        text: Text that the tokens were cut from.
        tokens: Tokens in their order; Penn Treebank's `-LRB-` also stands for a bracket.
        where: File and line, for messages.

    Raises:
        VolantError: If a token is not the next one in the text, or text remains after the last one.

    Example:
        >>> align("It's  (fine)", ["It", "'s", "-LRB-", "fine", ")"], "a.json, line 1")
        [(0, 2), (2, 4), (6, 7), (7, 11), (11, 12)]
    """
    places = []
    at = 0
    for number, token in enumerate(tokens, 1):
        start = _next(text, token, at)
        if start is None:
            rest = text[at : at + SHOWN].strip()
            raise VolantError(
                f"{where}: the tokens don't join to the text: token {number} is '{token[:SHOWN]}', but the text goes "
                f"on with '{rest}'. Only white space may stand between tokens. Export the tokens of this very text, "
                "or leave out the text: it is then joined from the tokens."
            )
        at = start + _length(text, token, start)
        places.append((start, at))
    if text[at:].strip():
        raise VolantError(
            f"{where}: the tokens don't join to the text: after the last token, '{text[at:].strip()[:SHOWN]}' remains. "
            "Export all tokens of the text, or leave out the text: it is then joined from the tokens."
        )
    return places


def _adjoin(before: str, after: str) -> bool:
    """Return True if two characters belong to scripts without spaces, or there is one already."""
    if before.isspace() or after.isspace():
        return True
    return bool(UNSPACED.match(before) and UNSPACED.match(after))


def _next(text: str, token: str, at: int) -> int | None:
    blank = BLANK.match(text, at)
    for start in dict.fromkeys((at, blank.end() if blank else at)):
        if text.startswith(token, start) or _escaped(text, token, start):
            return start
    return None


def _escaped(text: str, token: str, start: int) -> bool:
    return token in ESCAPES and text.startswith(ESCAPES[token], start)


def _length(text: str, token: str, start: int) -> int:
    return len(token) if text.startswith(token, start) else len(ESCAPES[token])
