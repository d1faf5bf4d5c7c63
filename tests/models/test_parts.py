"""Families that predict parts of a text: trained, packed, and asked in raw text, as a service does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from support.kinds import PARTS, ROWS
from support.tiny import TINY, flywheel
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.kinds.answers import answer
from volant.stages.train import Trained, train
from volant.workspace.files import write_table

FAMILIES = ("recurrent", "transformer")


def fit(kind: str, family: str, encoder: Path, folder: Path, **changes: Any) -> Trained:
    data = folder / "data"
    if not data.exists():
        for seed, split in enumerate(("train", "validation")):
            write_table(ROWS[kind](240 if split == "train" else 80, seed), data / f"{split}.parquet")
    model = {**TINY[family], **({"encoder": str(encoder)} if family == "transformer" else {}), **changes}
    model = {**model, "training": {**model["training"], "num_train_epochs": 16}}
    wheel = flywheel(kind, model, metric=KINDS[kind].metrics[0])
    return train("made-up", wheel, data, folder / "bundle", folder / "work")


@pytest.fixture(scope="module")
def fitted(parts_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trained]:
    """A trained model of a kind and family, made once."""
    made: dict[tuple[str, str], Trained] = {}

    def get(kind: str, family: str) -> Trained:
        if (kind, family) not in made:
            made[kind, family] = fit(kind, family, parts_encoder, tmp_path_factory.mktemp(f"{kind}-{family}"))
        return made[kind, family]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns_and_its_bundle_answers_unseen_rows(kind: str, family: str, fitted: Callable[..., Trained]) -> None:
    done = fitted(kind, family)
    rows = ROWS[kind](60, 9)
    own = KINDS[kind]
    predicted = done.bundle.predict(rows["text"].to_pylist())
    scores = own.score(own.gold(rows), predicted, done.bundle.labels)
    assert scores[own.metrics[0]] > 0.9
    assert all(set(a.scores) == set(done.bundle.labels) for a in predicted)
    assert all(0 <= own.confidence(a) <= 1 for a in predicted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_what_was_trained_in_bf16_is_exported_in_fp32(kind: str, parts_encoder: Path, tmp_path: Path) -> None:
    done = fit(kind, "transformer", parts_encoder, tmp_path, training={**TINY["transformer"]["training"], "bf16": True})
    graph = onnx.load(done.bundle.folder / done.bundle.manifest["runtime"]["model"])
    assert onnx.TensorProto.BFLOAT16 not in {a.i for n in graph.graph.node for a in n.attribute if a.name == "to"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_the_same_rows_give_the_same_bytes(kind: str, fitted: Callable[..., Trained], tmp_path: Path) -> None:
    first = fitted(kind, "recurrent")
    again = fit(kind, "recurrent", Path(), tmp_path)
    assert first.bundle.manifest["files"] == again.bundle.manifest["files"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
def test_one_text_or_many_at_any_length_have_one_answer(kind: str, fitted: Callable[..., Trained]) -> None:
    bundle = fitted(kind, "recurrent").bundle
    texts = ["", " ", "🎬", *ROWS[kind](20, 5)["text"].to_pylist()]
    together = bundle.predict(texts)
    alone = [bundle.predict([text])[0] for text in texts]  # with 8-bit rounding, scores differ a little
    assert [(a.label, a.spans, a.triples) for a in together] == [(a.label, a.spans, a.triples) for a in alone]


@pytest.mark.slow
def test_a_long_text_is_read_to_its_end(fitted: Callable[..., Trained]) -> None:
    """`max_length` is 24 tokens: every name of a text of hundreds is found, wherever a window begins."""
    bundle = fitted("entities", "recurrent").bundle
    sentence = "anna lives in rome n1 "
    for shift in range(5):
        text = "nobody was at home n7 " * shift + sentence * 60
        answer = bundle.predict([text])[0]
        found = [(text[s.start : s.end], s.label) for s in answer.spans]
        assert found == [("anna", "person"), ("rome", "city")] * 60
    assert len(bundle.predict([sentence * 4600])[0].spans) == 9200  # 100,000 characters


@pytest.mark.slow
def test_with_transitions_it_learns_too(tmp_path: Path) -> None:
    done = fit("entities", "recurrent", Path(), tmp_path, crf=True)
    rows = ROWS["entities"](60, 9)
    own = KINDS["entities"]
    assert (
        own.score(own.gold(rows), done.bundle.predict(rows["text"].to_pylist()), done.bundle.labels)["micro_f1"] > 0.9
    )
    assert done.bundle.predict(["<b>anna</b>  lives"])[0].spans[0].start == 3


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (
            "entities",
            {"family": "linear", "_target_": "volant.models.linear.Linear"},
            "linear family predicts labels of whole",
        ),
        ("entities", {"pooling": "cls"}, "pooling: cls predicts labels of whole texts"),
        ("understand", {"class_weights": True}, "class_weights has no meaning"),
        ("triples", {"class_weights": True}, "class_weights has no meaning"),
        ("classify", {"crf": True}, "crf learns transitions between tokens"),
        ("triples", {"crf": True}, "crf learns transitions between tokens"),
        ("entities", {"cascade": True}, "cascade reads pairs of parts"),
    ],
)
def test_what_a_kind_cannot_have_is_refused(kind: str, changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "validation")):
        write_table(ROWS[kind](60, seed), tmp_path / f"{split}.parquet")
    weights = changes.pop("class_weights", False)
    base = TINY[changes.get("family", "recurrent")]
    model = {**base, **changes}
    if weights:
        model = {**model, "training": {**model["training"], "class_weights": True}}
    with pytest.raises(VolantError, match=message):
        train("made-up", flywheel(kind, model, metric=KINDS[kind].metrics[0]), tmp_path, tmp_path / "b", tmp_path / "w")


@pytest.mark.slow
def test_a_question_of_no_intent_is_out_of_scope(fitted: Callable[..., Trained]) -> None:
    bundle = fitted("understand", "recurrent").bundle
    known = bundle.predict(ROWS["understand"](60, 9)["text"].to_pylist())
    assert sum(a.in_scope is False for a in known) <= 6
    assert [answer(bundle.kind, a)["in_scope"] for a in known] == [a.in_scope for a in known]
    threshold = json.loads((bundle.folder / "manifest.json").read_text())["calibration"]["thresholds"]
    assert len(threshold) == 1
