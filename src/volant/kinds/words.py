"""The words of a text: in every script, with signs that carry meaning, and without what nobody sees."""

import re
import unicodedata
from html import unescape

# Combining marks of the Basic Multilingual Plane (Unicode categories Mn, Mc, Me), with letters between them, and the
# joiners: Python's \w leaves them out, and a Hindi or Tamil word would fall apart without its vowels.
# https://www.unicode.org/reports/tr29/#Word_Boundaries
MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    r"\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711-\u07f3\u07fd\u0816-\u082d\u0859-\u085b\u0898-\u08e1"
    r"\u08e3-\u0963\u0981-\u09e3\u09fe-\u0a75\u0a81-\u0ae3\u0afa-\u0b63\u0b82-\u0bd7\u0c00-\u0c63\u0c81-\u0c83"
    r"\u0cbc-\u0d4d\u0d57-\u0d63\u0d81-\u0df3\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ecd\u0f18-\u0f19\u0f35\u0f37"
    r"\u0f39\u0f3e-\u0f84\u0f86-\u0fbc\u0fc6\u102b-\u103e\u1056-\u109d\u135d-\u135f\u1712-\u1734\u1752-\u17d3"
    r"\u17dd\u180b-\u180d\u180f-\u193b\u1a17-\u1a1b\u1a55-\u1a7f\u1ab0-\u1b44\u1b6b-\u1b73\u1b80-\u1bf3"
    r"\u1c24-\u1c37\u1cd0-\u1cd2\u1cd4-\u1dff\u20d0-\u20f0\u2cef-\u2cf1\u2d7f-\u2dff\u302a-\u302f\u3099-\u309a"
    r"\ua66f-\ua672\ua674-\ua67d\ua69e-\ua6f1\ua802-\ua827\ua82c\ua880-\ua8c5\ua8e0-\ua8f1\ua8ff-\ua92d"
    r"\ua947-\ua953\ua980-\ua9c0\ua9e5-\uaa4d\uaa7b-\uaac1\uaaeb-\uaaef\uaaf5-\uaaf6\uabe3-\uabea\uabec-\uabed"
    r"\ufb1e\ufe00-\ufe0f\ufe20-\ufe2f"
    r"\u200c\u200d"
)
# Han, Kana, Thai, Lao, Myanmar and Khmer are written without spaces: each character counts as a word.
UNSPACED = (
    r"\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    r"\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
    r"\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\uaa60-\uaa7f\u1780-\u17d3"
)
# An emoticon, the sign of a number, or a symbol (currency, arrow, emoji) can be all that two texts differ by.
EMOTICON = r"[:;=]['^-]?[()\[\]]|(?<!\w)[:;=]['^-]?[dpo/\\|*3](?!\w)|</?3|(?<![\w)\]])[+\-](?=\d)"
SYMBOL = r"[\u20a0-\u20cf\u2190-\u24ff\u2580-\u2bff\U0001f000-\U0001fbff]|(?<![\w)\]])\u2212(?=\d)"
LETTER = rf"[^\W{UNSPACED}]"
WORD = re.compile(rf"{LETTER}+(?:(?![{UNSPACED}])[{MARKS}]{LETTER}*)*|[{UNSPACED}]|{EMOTICON}|{SYMBOL}")
ASCII_WORD = re.compile(rf"\w+|{EMOTICON}", re.ASCII)  # finds the same in half of the time
# What cleaning will take out: tags (a name alone, or with `=` in what follows, so not "a <b and c> d") and web
# addresses. It is for comparing only, so a word too many costs little. No part can match again: time is linear.
NOISE = re.compile(
    r"</?[a-z][\w:-]*\s*/?>|<[a-z][\w:-]*\s[^<>=]*=[^<>]*>|(?:\bhttps?://|\bwww\.)[!#-;=?-~]+", re.IGNORECASE
)
# zero-width spaces and joiners, soft hyphens, marks of direction, variation selectors
INVISIBLE = dict.fromkeys(
    [
        0xAD,
        0x200B,
        0x200C,
        0x200D,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2060, 0x206A),
        0xFE0E,
        0xFE0F,
        0xFEFF,
    ]
)


def words(text: str, noise: bool = False) -> list[str]:
    """The lower-cased words of a text in order, each with its combining marks, whatever form they are written in.

    Args:
        text: Any text.
        noise: Whether markup and web addresses count.

    Example:
        >>> words("<b>Na\u200bïve</b>, 5 > +4 :) www.a.example"), words("पानी 👍")
        (['naïve', '5', '+', '4', ':)'], ['पानी', '👍'])
    """
    shown = text.lower()
    if not shown.isascii():
        shown = unicodedata.normalize("NFC", shown.translate(INVISIBLE))
    shown = shown if noise else _bare(shown)
    return (ASCII_WORD if shown.isascii() else WORD).findall(shown)


def plain(text: str, noise: bool = False) -> str:
    """The words of a text with a space between them; a text without any stays as it is.

    Example:
        >>> plain("<p>A fine film, really!</p>"), plain("?!")
        ('a fine film really', '?!')
    """
    return " ".join(words(text, noise)) or text


def _bare(text: str) -> str:
    """The text without markup and web addresses; one that is nothing else stays as it is.

    Example:
        >>> _bare('<a href="/x">rock &amp; roll</a>, see https://a.example/b.'), _bare("www.a.example")
        (' rock & roll ,  see  ', 'www.a.example')
    """
    if "<" in text or "www." in text or "://" in text:
        rest = NOISE.sub(" ", text)
        text = rest if WORD.search(rest) else text
    return unescape(text) if "&" in text else text
