"""The model that a new flywheel starts with."""

from collections.abc import Sequence

import regex

FEW_ROWS = 1000  # below, it is open which model is best, and cross-validation takes minutes, not hours
SAMPLE = 500
OTHER = 0.1  # share of letters of other scripts than Latin from which a text is not English
ENGLISH = 0.04  # share of the words below from which a text is; English has 11 to 20 %, other languages under 1 %
LETTER = regex.compile(r"\p{L}")
OTHER_LETTER = regex.compile(r"[\p{L}--\p{Latin}]", regex.V1)
WORD = regex.compile(r"\p{L}[\p{L}\p{M}'’]*")
# frequent words of English that are rare in other languages written in Latin letters
FREQUENT = """
the and that this it with you your not they she but what which who would there about how just like can has had were from
it's don't i'm
"""
# options of `conf/model/` for heads that predict parts of a text: for English, and for other languages
PARTS = {
    "tokens": ("spans-e5", "spans-e5"),
    "text and tokens": ("spans", "spans-e5"),
    "pairs": ("triples-transformer", "triples-e5"),
}
WORDS = frozenset(FREQUENT.split())


def model_for(texts: Sequence[str], head: str = "text") -> tuple[str, list[str]]:
    """Return the option of `conf/model/` to start with, and the reason if the encoder isn't `minilm`.

    `minilm` reads English without capitals; `e5` reads about 100 languages with them.

    Args:
        texts: All texts of the file.
        head: Head of the kind; for spans alone, such as names, capitals matter.
    """
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    reason = foreign(sample)
    if head in PARTS:
        english, other = PARTS[head]
        if reason is None and english != other:
            return english, []
        because = reason or "Capitals matter, which `minilm` does not see."
        return other, [f"Encoder: `e5`, made for about 100 languages. {because}"]
    few = len(texts) < FEW_ROWS
    if reason is None:
        return "auto" if few else "transformer", []
    return "auto-e5" if few else "e5", [
        f"Encoder: `e5`, made for about 100 languages. {reason} It takes twice the time of `minilm`, which is for "
        "English; MODEL=linear takes seconds."
    ]


def foreign(texts: Sequence[str]) -> str | None:
    """Return the reason why texts are taken for another language than English; None if they are taken for English.

    Example:
        >>> foreign(["it is a fine film"])
        >>> foreign(["хороший фильм"])
        '100% of the letters are of other scripts than Latin.'
        >>> foreign(["ein sehr guter Film mit vielen Ideen"])
        '0% of the words are among the most frequent ones of English.'
    """
    joined = "\n".join(texts).lower()
    letters = len(LETTER.findall(joined))
    other = len(OTHER_LETTER.findall(joined)) / max(1, letters)
    if other > OTHER:
        return f"{other:.0%} of the letters are of other scripts than Latin."
    words = WORD.findall(joined)
    usual = sum(word.replace("’", "'") in WORDS for word in words) / max(1, len(words))
    if words and usual < ENGLISH:
        return f"{usual:.0%} of the words are among the most frequent ones of English."
    return None
