"""The file of multilingual-e5-small: written small by support/e5s1.py, read by the product."""

import numpy as np
import pytest

from support import e5s1 as tiny
from volant.errors import VolantError
from volant.models.neural.e5s1 import dequantise, read


def test_every_part_is_read_as_it_was_written() -> None:
    checkpoint = read(tiny.write())
    assert checkpoint.sizes["hidden_size"] == tiny.HIDDEN
    assert (checkpoint.sizes["num_hidden_layers"], checkpoint.sizes["max_position_embeddings"]) == (2, tiny.POSITIONS)
    assert checkpoint.pieces == tiny.VOCABULARY
    assert checkpoint.special == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert checkpoint.scores[4] == pytest.approx(-3.2)
    written = tiny.tensors(len(tiny.VOCABULARY))
    assert checkpoint.tensors.keys() == written.keys()
    for name, value in written.items():
        step = np.abs(value).max() / 7 if value.ndim == 2 else 0
        assert np.abs(checkpoint.tensors[name] - value.reshape(-1)).max() <= step * 0.51 + 1e-6, name


def test_each_block_has_its_own_scale() -> None:
    weights = np.concatenate([np.linspace(-7, 7, 32), np.linspace(-700, 700, 32)])
    values = dequantise(b"head" + tiny.quantised(weights), 64, 4)
    assert np.abs(values[:32] - weights[:32]).max() <= 0.51
    assert np.abs(values[32:] - weights[32:]).max() <= 51


def test_a_small_file_equals_the_definition_weight_by_weight() -> None:
    data = tiny.quantised(np.random.default_rng(1).normal(size=96))
    expected = []
    for block in range(3):
        part = data[block * 18 : block * 18 + 18]
        scale = float(np.frombuffer(part[:2], "<f2")[0])
        expected += [scale * ((byte & 15) - 8) for byte in part[2:]] + [scale * ((byte >> 4) - 8) for byte in part[2:]]
    assert dequantise(data, 96).tolist() == np.array(expected, dtype=np.float32).tolist()


@pytest.mark.parametrize("data", [b"", b"E5S2\x01\0\0\0", b"E5S1\x02\0\0\0", b"PK\x03\x04 and more"])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(VolantError, match="Allowed: b'E5S1' in version 1"):
        read(data)


@pytest.mark.parametrize("length", [20, 60, 400, 2500, -10])
def test_a_file_that_ends_early_is_refused(length: int) -> None:
    with pytest.raises(VolantError, match="is damaged"):
        read(tiny.write()[:length])
