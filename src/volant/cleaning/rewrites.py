"""The text steps: a factory takes the arguments of a config and returns one pure `str -> str` step.

A step reports its edits as well, so that spans can be moved. It skips a text that can't match, which a cheap check
detects for most texts.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import regex

from volant.cleaning import html as markup
from volant.cleaning.edits import Edit, align
from volant.errors import VolantError, did_you_mean

# Zero-width and direction marks as well, but not the joiners: emoji, Persian and Indic scripts need them.
INVISIBLE = "\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb"
CONTROL = re.compile(rf"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{INVISIBLE}]")
SPACE = re.compile(r"\s+")
WORD = regex.compile(r"[\p{L}\p{M}]+")

Match = re.Match[str] | regex.Match[str]
Pattern = re.Pattern[str] | regex.Pattern[str]


@dataclass(frozen=True, slots=True)
class TextStep:
    """A named change of a text.

    Attributes:
        name: Name in the registry and in reports.
        apply: Function from the old to the new text.
        edits: Function from the old and the new text to the edits.
    """

    name: str
    apply: Callable[[str], str]
    edits: Callable[[str, str], list[Edit]] = align


def html() -> TextStep:
    r"""Drop markup and decode entities; see `volant.cleaning.html`.

    Example:
        >>> html().apply("Good<br />but I &lt;3 <i>this</i> more")
        'Good\nbut I <3 this more'
    """
    return TextStep("html", markup.strip, markup.edits)


def unicode(form: Literal["NFC", "NFD", "NFKC", "NFKD"] = "NFC", repair: bool = True) -> TextStep:
    r"""Repair wrongly decoded text with ftfy, and normalise equivalent characters to one form.

    Example:
        >>> unicode().apply("the cafÃ©, â€œrepairedâ€\x9d")
        'the café, "repaired"'
    """

    def repaired(text: str) -> str:
        if text.isascii():
            return text
        from volant.cleaning import repair as mojibake  # ftfy's tables are slow to build: not for a config check

        return mojibake.repair(text, form)

    return TextStep("unicode", repaired if repair else lambda text: unicodedata.normalize(form, text))


def control() -> TextStep:
    r"""Drop control, zero-width and direction characters and terminal colours; odd breaks become a space.

    Example:
        >>> control().apply("a\x00b\x0bc\u200bd\ne")
        'ab cd\ne'
    """

    def needed(text: str) -> bool:
        return not (text.isprintable() or text.replace("\n", "").isprintable())

    return rewrite("control", CONTROL, lambda match: " " if match[0].isspace() else "", needed)


def special(keep: str = ".,!?'@-") -> TextStep:
    """Replace each character by a space that is not a letter (of any script), mark, number or space, nor in `keep`.

    Example:
        >>> special().apply("*wow* naïve #1, isn't it?")
        " wow  naïve  1, isn't it?"
    """
    allowed = "".join(regex.escape(character) for character in keep)
    return rewrite("special", regex.compile(rf"(?V0)[^\p{{L}}\p{{M}}\p{{N}}\s{allowed}]\p{{M}}*"), " ")


def lower() -> TextStep:
    """Convert to lower case.

    Example:
        >>> lower().apply("GREAT Film")
        'great film'
    """

    def edits(old: str, new: str) -> list[Edit]:  # one for one, except for the rare letter that becomes two
        if len(old) == len(new):
            return []
        return [Edit(at, at + 1, len(c.lower())) for at, c in enumerate(old) if len(c.lower()) != 1]

    return TextStep("lower", str.lower, edits)


def whitespace() -> TextStep:
    r"""Replace any run of white space by one space; remove it at the ends.

    Example:
        >>> whitespace().apply("  one\n\ttwo ")
        'one two'
    """

    def replacement(match: Match) -> str:
        return "" if match.start() == 0 or match.end() == len(match.string) else " "

    def apply(text: str) -> str:  # same as SPACE, which only locates the edits, and several times faster
        single = text.isprintable() and "  " not in text and not text.startswith(" ") and not text.endswith(" ")
        return text if single else " ".join(text.split())

    return TextStep("whitespace", apply, rewrite("", SPACE, replacement).edits)


def stem(language: str = "english") -> TextStep:
    """Replace words by their Snowball stems, for the linear family; encoders require whole words. Requires nltk.

    Source: https://snowballstem.org

    Raises:
        VolantError: If nltk is not installed, or has no stemmer for the language.

    Example:
        >>> stem().apply("The movies were surprisingly moving")
        'the movi were surpris move'
    """
    try:
        from nltk.stem.snowball import SnowballStemmer
    except ImportError as error:
        raise VolantError("The cleaning step 'stem' requires nltk. Install it: pip install nltk.") from error
    languages = SnowballStemmer.languages
    if language not in languages:
        hint = did_you_mean(language, languages)
        allowed = ", ".join(languages)
        raise VolantError(f"cleaning: stem: language '{language}' has no stemmer.{hint} Allowed: {allowed}.")
    cached = lru_cache(maxsize=100_000)(SnowballStemmer(language).stem)
    return rewrite("stem", WORD, lambda match: cached(match[0]))


def rewrite(
    name: str,
    pattern: Pattern,
    replacement: str | Callable[[Match], str],
    needed: Callable[[str], bool] = bool,
) -> TextStep:
    """Return a step that replaces the matches of a pattern.

    Args:
        name: Name of the step.
        pattern: Pattern to search for.
        replacement: Text, or a function from a match to a text.
        needed: Cheap check that returns False if a text has no match.
    """
    fill = replacement if callable(replacement) else lambda _: replacement
    template = replacement if callable(replacement) else replacement.replace("\\", r"\\")

    def edits(old: str, _new: str) -> list[Edit]:
        return list(_changes(pattern.finditer(old), fill))

    return TextStep(name, lambda text: pattern.sub(template, text) if needed(text) else text, edits)


def _changes(matches: Iterator[Match], fill: Callable[[Match], str]) -> Iterator[Edit]:
    for match in matches:
        text = fill(match)
        if text != match[0]:
            yield Edit(match.start(), match.end(), len(text))
