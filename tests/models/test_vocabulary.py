"""The part of a multilingual vocabulary that a bundle keeps."""

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from support import e5s1 as tiny
from support.texts import reviews
from volant.errors import VolantError
from volant.models.neural.e5s1 import read
from volant.models.neural.packaged import e5_tokenizer
from volant.models.neural.vocabulary import can_restrict, choose, ids_of, restrict, restricted

TEXTS = reviews(60)["text"].to_pylist()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return e5_tokenizer(read(tiny.write()))


def pieces(tokenizer: Tokenizer, texts: list[str]) -> list[list[str]]:
    return [encoding.tokens for encoding in tokenizer.encode_batch(texts)]


@pytest.mark.parametrize("size", [130, 150])
def test_train_texts_are_read_as_by_the_whole_vocabulary(tokenizer: Tokenizer, size: int) -> None:
    part = restrict(tokenizer, choose(tokenizer, TEXTS, size))
    assert part.get_vocab_size() <= size < tokenizer.get_vocab_size()
    assert pieces(part, TEXTS) == pieces(tokenizer, TEXTS)


def test_the_choice_is_the_same_whatever_the_order_of_the_texts(tokenizer: Tokenizer) -> None:
    assert choose(tokenizer, TEXTS, 120) == choose(tokenizer, TEXTS[::-1], 120)


def test_a_script_outside_of_the_texts_is_unknown_and_one_of_them_is_kept_whole(tokenizer: Tokenizer) -> None:
    text = "хорошо"
    english = restrict(tokenizer, choose(tokenizer, TEXTS, 150))
    assert english.encode(text).ids == [0, english.token_to_id("▁"), 3, 2]
    russian = restrict(tokenizer, choose(tokenizer, ["фильм был и был"] * 5, 150))
    assert 3 not in russian.encode("английский щит").ids, "letters that no train text has"


def test_of_a_small_vocabulary_the_frequent_pieces_are_kept_and_others_are_spelled(tokenizer: Tokenizer) -> None:
    texts = ["the film was dull"] * 9 + ["the film was superb"]
    needed = 4 + 1 + 62 + 32  # special pieces, the space, letters and digits, marks
    part = restrict(tokenizer, choose(tokenizer, texts, needed + 4))
    assert pieces(part, texts[:1]) == [["<s>", "▁the", "▁film", "▁was", "▁dull", "</s>"]]
    assert pieces(part, texts[-1:])[0][4:] == ["▁", *"superb", "</s>"]


def test_a_size_below_the_characters_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(
        VolantError, match=r"model.vocabulary_size is 50, but .* are 99. Set it to 99 or more, or to null"
    ):
        choose(tokenizer, TEXTS, 50)


@pytest.mark.parametrize("text", ["<s> film", "a</s>b", "<unk>", "<pad> <mask>"])
def test_special_pieces_in_a_text_are_letters(tokenizer: Tokenizer, text: str) -> None:
    for one in (tokenizer, restrict(tokenizer, choose(tokenizer, TEXTS, 130))):
        assert not {0, 1, 2, 3} & set(one.encode(text, add_special_tokens=False).ids)
        assert "<mask>" not in one.encode(text).tokens


def test_embeddings_move_with_their_pieces(tokenizer: Tokenizer) -> None:
    model = BertModel(BertConfig(vocab_size=200, hidden_size=8, num_attention_heads=2, pad_token_id=1))
    before = model.get_input_embeddings().weight.detach().clone()
    part = restricted(model, tokenizer, TEXTS, 120, None)
    after = model.get_input_embeddings()
    assert (after.weight.shape, model.config.vocab_size, after.padding_idx) == ((120, 8), 120, 1)
    assert after.weight.requires_grad
    for piece in ("<s>", "</s>", "<unk>", "▁film", "q"):
        assert torch.equal(after.weight[part.token_to_id(piece)], before[tokenizer.token_to_id(piece)]), piece
    assert [part.token_to_id(piece) for piece in tiny.SPECIAL] == [0, 1, 2, 3]
    assert ids_of(tokenizer, part) == choose(tokenizer, TEXTS, 120)


def test_another_sort_of_vocabulary_stays_whole(tiny_encoder: str) -> None:
    words = Tokenizer.from_file(f"{tiny_encoder}/tokenizer.json")
    assert not can_restrict(words)
    assert restricted(None, words, TEXTS, None, None) is words
    with pytest.raises(VolantError, match=r"model.vocabulary_size is 20, but .* can't be restricted.*XLM-R"):
        restricted(None, words, TEXTS, 20, None)


def test_special_pieces_of_a_hub_tokenizer_get_their_new_ids(tokenizer: Tokenizer) -> None:
    hub = Tokenizer.from_str(tokenizer.to_str())
    hub.add_special_tokens([*tiny.SPECIAL, "<mask>"])
    part = restrict(hub, choose(hub, TEXTS, 130))
    assert part.token_to_id("<mask>") == part.get_vocab_size() - 1
    assert part.encode("film<mask>").ids[-2:] == [part.token_to_id("<mask>"), 2]
