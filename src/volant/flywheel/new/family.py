"""The family that a new flywheel starts with."""

from collections.abc import Sequence
from pathlib import Path

import regex

FEW_ROWS = 1000  # below, it is open which model is best, and cross-validation takes minutes, not hours
SAMPLE = 500
UNREAD = 0.1
OTHER_SCRIPT = regex.compile(r"[\p{L}--\p{Latin}]", regex.V1)


def family_for(texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the family to start with, and the reason if it isn't what one would expect.

    Args:
        texts: All texts of the file.
    """
    share = unread(texts[:: max(1, len(texts) // SAMPLE)])
    if share <= UNREAD:
        return "auto" if len(texts) < FEW_ROWS else "transformer", []
    return "linear", [
        f"Script: the packaged encoder, made for English, has no words for {share:.0%} of these texts, so `linear` is "
        "chosen, which reads every script. A multilingual encoder may be better: MODEL=transformer, its hub id as "
        "`encoder`."
    ]


def unread(texts: Sequence[str]) -> float:
    """Share of the tokens of texts that the packaged encoder doesn't know, or knows as letters of another script only.

    Example:
        >>> unread(["a fine film"]), unread(["хороший фильм"])
        (0.0, 1.0)
    """
    from tokenizers import Tokenizer

    from volant.models.fine_tuning import packaged_minilm

    tokenizer = Tokenizer.from_file(str(Path(packaged_minilm()) / "tokenizer.json"))
    tokenizer.no_padding()
    tokens = [token for e in tokenizer.encode_batch(list(texts), add_special_tokens=False) for token in e.tokens]
    return sum(token == "[UNK]" or bool(OTHER_SCRIPT.search(token)) for token in tokens) / max(1, len(tokens))
