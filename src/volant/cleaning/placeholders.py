"""The text steps that replace texts beyond any vocabulary by placeholders; an empty placeholder removes them."""

import re
import unicodedata
from typing import Literal

import regex

from volant.cleaning.rewrites import Match, TextStep, rewrite

URL = re.compile(
    r"""(?<![a-z0-9])(?:(?:https?|ftp)://|www\.)[!#-;=?-~\u00a1-\u024f]*[!#-;=?-~\u00a1-\u024f](?<![.,;:!?'()\[\]{}])""",
    re.I,
)
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
USER = re.compile(r"(?<![a-zA-Z0-9_@./])@\w{1,50}")
# The lookbehinds come after the first digit: before it they would run at every character.
NUMBER = re.compile(r"\d(?<!\w\d)(?<!\d[.,]\d)\d*(?:[.,]\d+)*(?!\w)")
PICTURE = r"[\p{Extended_Pictographic}--[©®™]]\p{Emoji_Modifier}?\uFE0F?"
EMOJI = regex.compile(rf"(?V1)\p{{RI}}\p{{RI}}|{PICTURE}(?:\u200D{PICTURE})*|[0-9#*]\uFE0F?\u20E3")


def urls(placeholder: str = "http") -> TextStep:
    """Replace web addresses by a placeholder, by default that of TweetEval: a word that BERT-like models know.

    Source: https://github.com/cardiffnlp/tweeteval

    Example:
        >>> urls().apply("see https://example.com/a?b=1, or www.example.org.")
        'see http, or http.'
    """
    return rewrite("urls", URL, placeholder, lambda text: "://" in text or "www." in text.lower())


def emails(placeholder: str = "email") -> TextStep:
    """Replace e-mail addresses by a placeholder.

    Example:
        >>> emails().apply("write to ann.b@example.com.")
        'write to email.'
    """
    return rewrite("emails", EMAIL, placeholder, lambda text: "@" in text)


def users(placeholder: str = "@user") -> TextStep:
    """Replace user names by a placeholder, by default that of TweetEval.

    Example:
        >>> users().apply("@ann thanks! (via @bob)")
        '@user thanks! (via @user)'
    """
    return rewrite("users", USER, placeholder, lambda text: "@" in text)


def numbers(placeholder: str = "0") -> TextStep:
    """Replace standalone numbers by a placeholder.

    Example:
        >>> numbers().apply("10/10, 1,500.50 in the 90s on B2")
        '0/0, 0 in the 90s on B2'
    """
    return rewrite("numbers", NUMBER, placeholder)


def emoji(mode: Literal["keep", "name", "remove"] = "name") -> TextStep:
    """Replace emoji by their names, which a vocabulary without emoji covers, or remove them.

    Example:
        >>> emoji("name").apply("nice 👍🏽 from 🇫🇷")
        'nice  thumbs up sign  from  flag fr '
    """
    if mode == "keep":
        return TextStep("emoji", str)
    return rewrite("emoji", EMOJI, _name if mode == "name" else "", lambda text: not text.isascii())


def _name(match: Match) -> str:
    characters = [c for c in match[0] if not regex.match(r"[\uFE0F\u200D\u20E3\p{Emoji_Modifier}]", c)]
    if all("\U0001f1e6" <= c <= "\U0001f1ff" for c in characters):
        return f" flag {''.join(chr(ord(c) - 0x1F1E6 + ord('a')) for c in characters)} "
    return f" {' '.join(unicodedata.name(c, '').lower() for c in characters)} "
