"""What a step saves changes nothing: the same steps with torch's own parts beside it."""

import copy
from pathlib import Path

import pytest
import torch

from volant.models.fine_tuning import load_encoder
from volant.models.neural.encoders import TransformerEncoder, freeze
from volant.models.neural.speed import Dropout, TrainedTokens, trained_tokens

ROWS = [{"input_ids": [2, 7, 9, 3]}, {"input_ids": [2, 9, 11, 12]}]


@pytest.fixture
def encoder(tiny_encoder: Path) -> TransformerEncoder:
    return TransformerEncoder(load_encoder(str(tiny_encoder), None, None)[0])


def steps(encoder: TransformerEncoder, count: int = 3) -> None:
    """Some steps toward nothing in particular, without chance and decay."""
    encoder.eval()
    optimizer = torch.optim.AdamW([p for p in encoder.parameters() if p.requires_grad], lr=1e-2, weight_decay=0)
    ids = torch.tensor([row["input_ids"] for row in ROWS])
    for _ in range(count):
        encoder(ids, torch.ones_like(ids)).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 0.1)
        optimizer.step()
        optimizer.zero_grad()


def test_the_tokens_of_the_rows_learn_what_they_would_have(encoder: TransformerEncoder) -> None:
    whole, before = copy.deepcopy(encoder), copy.deepcopy(encoder.state_dict())
    with trained_tokens(encoder, ROWS):
        assert isinstance(encoder.model.get_input_embeddings(), TrainedTokens)
        assert len(encoder.model.get_input_embeddings().weight) == 7  # of six tokens, and of padding
        steps(encoder)
    steps(whole)
    after = encoder.state_dict()
    assert list(after) == list(before)
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(after[name], weight, rtol=0, atol=1e-6)
    (words,) = [name for name in after if "word_embeddings" in name]
    moved = (after[words] != before[words]).any(dim=1).nonzero().flatten().tolist()
    assert set(moved) <= {2, 3, 7, 9, 11, 12}
    assert moved


def test_a_token_of_no_row_is_an_error_and_not_another_token(encoder: TransformerEncoder) -> None:
    strange = torch.tensor([[2, 5]])
    with trained_tokens(encoder, ROWS), pytest.raises(IndexError):
        encoder(strange, torch.ones_like(strange))
    assert encoder(strange, torch.ones_like(strange)).shape[:2] == (1, 2)


def test_stopped_in_the_middle_it_has_its_embedding_again(encoder: TransformerEncoder) -> None:
    own = encoder.model.get_input_embeddings()
    with pytest.raises(KeyboardInterrupt), trained_tokens(encoder, ROWS):
        raise KeyboardInterrupt
    assert encoder.model.get_input_embeddings() is own


def test_what_does_not_learn_stays(encoder: TransformerEncoder) -> None:
    freeze(encoder, 1)
    own = encoder.model.get_input_embeddings()
    with trained_tokens(encoder, ROWS):
        assert encoder.model.get_input_embeddings() is own


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float, dtype: torch.dtype) -> None:
    drop, ones = Dropout(share), torch.ones(333, 1001, dtype=dtype)
    torch.manual_seed(3)
    first, second = drop(ones), drop(ones)
    torch.manual_seed(3)
    assert torch.equal(drop(ones), first)
    assert torch.equal(first, second) == (share == 0)
    assert first.dtype == dtype
    assert (first == 0).float().mean().item() == pytest.approx(share, abs=0.005)
    assert first.float().mean().item() == pytest.approx(1, abs=0.01)
    rows = (first == 0).float()
    assert rows.mean(dim=0).max() < share + 0.15  # of 333 rows: no place is dropped more often than others
    assert torch.equal(drop.eval()(ones), ones)


def test_every_dropout_of_a_pretrained_encoder_is_this_one(encoder: TransformerEncoder) -> None:
    found = [module for module in encoder.modules() if isinstance(module, torch.nn.Dropout)]
    assert {type(module) for module in found} == {Dropout}
    assert {module.p for module in found} == {encoder.model.config.hidden_dropout_prob}
