"""The part of an encoder's vocabulary that a bundle needs. Importing this imports torch.

A multilingual vocabulary is most of a small encoder: 96 of the 118 million weights of multilingual-e5-small.
"""

import json
import math
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from tokenizers import Tokenizer

from volant.errors import VolantError
from volant.models.neural.weights import start_tokenizer

SPACE = "▁"
PAD = "<pad>"
COMMON = ""  # the script of digits and marks
SHARE = 0.01  # of the characters of the texts, from which all single characters of a script are kept
READABLE = {*string.ascii_letters, *string.digits, *string.punctuation, SPACE}


def restricted(
    model: Any, tokenizer: Tokenizer, texts: Sequence[str], size: int | None, start: str | None
) -> Tokenizer:
    """Restrict an encoder, in place, to a part of its vocabulary; return the tokenizer of that part.

    Args:
        model: Encoder of `transformers`.
        tokenizer: Its tokenizer.
        texts: Train texts, whose pieces are kept.
        size: Largest number of pieces; None for all.
        start: Folder of an earlier version's weights, whose vocabulary is taken instead; or None.

    Raises:
        VolantError: If the vocabulary can't be restricted.
    """
    if not can_restrict(tokenizer):
        if size is not None:
            raise VolantError(
                f"model.vocabulary_size is {size}, but the vocabulary of this encoder can't be restricted. It works "
                "for e5 and others with a unigram vocabulary, such as XLM-R. Set it to null."
            )
        return tokenizer
    if start:
        kept = ids_of(tokenizer, start_tokenizer(start))
    else:
        kept = choose(tokenizer, texts, size) if size is not None else None
    if kept is None or len(kept) == tokenizer.get_vocab_size():
        return tokenizer
    restrict_embedding(model, kept)
    return restrict(tokenizer, kept)


def restrict_embedding(model: Any, kept: Sequence[int]) -> None:
    """Keep some rows of an encoder's embedding, in order.

    Args:
        model: Encoder of `transformers`.
        kept: Ids of the rows to keep.
    """
    whole = model.get_input_embeddings()
    rows = whole.weight.detach()[torch.tensor(kept)].clone()
    model.set_input_embeddings(torch.nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=whole.padding_idx))
    model.config.vocab_size = len(kept)


def choose(tokenizer: Tokenizer, texts: Sequence[str], size: int) -> list[int]:
    """Return the ids of the pieces to keep, at most `size`, in order.

    These come first, in this order:

    1. special pieces, ASCII characters, and the characters of the texts, so that each of them stays readable;
    2. pieces of the texts, the most frequent first;
    3. the other characters of each script with 1 % of the texts' characters;
    4. pieces of the scripts of the texts, the most probable first. A script has the share that it has in the texts.

    Args:
        tokenizer: Tokenizer with a unigram vocabulary, whose scores are log-probabilities.
        texts: Train texts.
        size: Largest number of pieces.

    Raises:
        VolantError: If the special pieces and the characters alone are more than `size`.
    """
    tree = json.loads(tokenizer.to_str())
    vocabulary = tree["model"]["vocab"]
    counts = Counter(chain.from_iterable(e.ids for e in tokenizer.encode_batch_fast(list(texts))))
    characters = {*READABLE, *chain.from_iterable(vocabulary[k][0] for k in counts)}
    special = {PAD, vocabulary[tree["model"]["unk_id"]][0], *tokenizer.encode("").tokens}
    special |= {entry["content"] for entry in tree["added_tokens"]}
    needed = [k for k, (piece, _) in enumerate(vocabulary) if piece in special or piece in characters]
    if len(needed) > size:
        raise VolantError(
            f"model.vocabulary_size is {size}, but the characters of the train texts and the special pieces alone are "
            f"{len(needed)}. Set it to {len(needed)} or more, or to null."
        )
    frequent = sorted(counts, key=lambda k: (-counts[k], k))
    order = dict.fromkeys(chain(needed, frequent, _likely(vocabulary, counts)))
    return sorted(list(order)[:size])


def restrict(tokenizer: Tokenizer, kept: Sequence[int]) -> Tokenizer:
    """Return a tokenizer with some pieces of a vocabulary, numbered in order.

    It gives the same pieces where the other tokenizer gives none but these.

    Args:
        tokenizer: Tokenizer with a unigram vocabulary.
        kept: Ids of the pieces to keep.
    """
    tree = json.loads(tokenizer.to_str())
    vocabulary = tree["model"]["vocab"]
    new = {vocabulary[old][0]: place for place, old in enumerate(kept)}
    tree["model"]["vocab"] = [vocabulary[old] for old in kept]
    tree["model"]["unk_id"] = new[vocabulary[tree["model"]["unk_id"]][0]]
    for entry in tree["added_tokens"]:
        entry["id"] = new[entry["content"]]
    _renumber(tree.get("post_processor"), new)
    return Tokenizer.from_str(json.dumps(tree))


def ids_of(tokenizer: Tokenizer, part: Tokenizer) -> list[int] | None:
    """Return the ids in `tokenizer` of each piece of `part`, by its id there; None if it lacks one of them."""
    pieces = sorted(part.get_vocab().items(), key=lambda item: item[1])
    ids = [place for piece, _ in pieces if (place := tokenizer.token_to_id(piece)) is not None]
    return ids if len(ids) == len(pieces) else None


def can_restrict(tokenizer: Tokenizer) -> bool:
    """Return True if a vocabulary consists of pieces with probabilities, and nothing was added to it."""
    own = tokenizer.get_vocab_size(with_added_tokens=False)
    return type(tokenizer.model).__name__ == "Unigram" and own == tokenizer.get_vocab_size()


def script(piece: str) -> str:
    """Return the script of a piece, by the name of its first letter; empty if it has none.

    Example:
        >>> script("▁the"), script("是。"), script("▁2021")
        ('LATIN', 'CJK', '')
    """
    letter = next((character for character in piece if unicodedata.category(character)[0] == "L"), None)
    return unicodedata.name(letter, COMMON).partition(" ")[0] if letter else COMMON


def _likely(vocabulary: Sequence[tuple[str, float]], counts: Mapping[int, int]) -> Iterable[int]:
    """Yield the ids of pieces of the scripts that occur: single characters first, then by probability."""
    scripts = [script(piece) for piece, _ in vocabulary]
    share = _shares((scripts[k], len(vocabulary[k][0]) * n) for k, n in counts.items())
    usual = _shares((own, math.exp(score)) for own, (_, score) in zip(scripts, vocabulary, strict=True))
    weights = {own: round(math.log(value / usual[own]), 4) for own, value in share.items() if usual[own] and value}
    likely = sorted(
        (k for k, own in enumerate(scripts) if own in weights),
        key=lambda k: (-(vocabulary[k][1] + weights[scripts[k]]), k),
    )
    yield from (k for k in likely if len(vocabulary[k][0]) == 1 and share[scripts[k]] >= SHARE)
    yield from likely


def _shares(amounts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the share of each script in all amounts."""
    sums: dict[str, float] = {}
    for own, amount in amounts:
        sums[own] = sums.get(own, 0.0) + float(amount)
    total = sum(sums.values()) or 1.0
    return {own: value / total for own, value in sums.items()}


def _renumber(processor: Any, new: Mapping[str, int]) -> None:
    """Give the special pieces around a text their new ids, in a post-processor of any type."""
    for name, value in processor.items() if isinstance(processor, dict) else ():
        if name == "special_tokens":
            for entry in value.values():
                entry["ids"] = [new[token] for token in entry["tokens"]]
        elif name in ("cls", "sep"):
            value[1] = new[value[0]]
        elif name == "processors":
            for part in value:
                _renumber(part, new)
