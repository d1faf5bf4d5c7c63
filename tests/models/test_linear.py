"""The linear family on data that is hard for n-grams: a few texts without spaces, lengths that give none."""

import json
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from support.projects import ROOT
from support.tiny import flywheel
from volant import config
from volant.bundle.runtime import load
from volant.bundle.runtime.linear import LinearRuntime, Vectorizer, save_linear
from volant.errors import VolantError
from volant.kinds import KINDS
from volant.kinds.record import Annotation
from volant.models import Examples, Task
from volant.models.tfidf import TOKEN, Linear
from volant.stages.train import Trained, train
from volant.workspace.files import write_table

CHINESE = [
    "这部电影真好看",
    "演员演得很动人",
    "故事非常精彩",
    "音乐令人难忘",
    "我笑了整整一晚",
    "强烈推荐给大家",
    "画面美极了",
    "值得再看",
]
BAD_CHINESE = [
    "浪费时间和金钱",
    "剧情拖沓无聊",
    "我中途睡着",
    "台词尴尬透顶",
    "完全没有逻辑",
    "特效粗糙不堪",
    "令我失望",
    "千万别去",
]


def chinese(folder: Path, good: list[str], bad: list[str]) -> Path:
    """A few texts without spaces or marks, the same for validation."""
    rows = pa.table({"text": [*good, *bad], "label": ["good"] * len(good) + ["bad"] * len(bad)})
    for split in ("train", "validation"):
        write_table(rows, folder / f"{split}.parquet")
    return folder


def shipped() -> dict[str, Any]:
    """The options of conf/model/linear.yaml."""
    return yaml.safe_load((ROOT / "conf/model/linear.yaml").read_text("utf-8"))


@pytest.mark.parametrize("changes", [{}, {"word_ngrams": None}, {"char_ngrams": None}, {"min_df": 16}])
def test_linear_learns_where_no_ngram_recurs(tmp_path: Path, changes: dict[str, Any]) -> None:
    data = chinese(tmp_path, CHINESE, BAD_CHINESE)
    wheel = flywheel("classify", {**shipped(), **changes})
    made = train("made-up", wheel, data, tmp_path / "bundle", tmp_path / "work")
    said = [a.label for a in made.bundle.predict([*CHINESE, *BAD_CHINESE])]
    assert said == ["good"] * 8 + ["bad"] * 8


def test_linear_refuses_to_want_more_texts_than_there_are(tmp_path: Path) -> None:
    data = chinese(tmp_path, CHINESE, BAD_CHINESE)
    with pytest.raises(VolantError, match="min_df is 17, but there are only 16 train texts"):
        train(
            "made-up", flywheel("classify", {**shipped(), "min_df": 17}), data, tmp_path / "bundle", tmp_path / "work"
        )


def test_linear_leaves_out_the_vectorizer_that_has_no_terms(tmp_path: Path) -> None:
    data = chinese(tmp_path, [f"{text}真好看" for text in CHINESE], [f"{text}真难看" for text in BAD_CHINESE])
    made = train("made-up", flywheel("classify", shipped()), data, tmp_path / "bundle", tmp_path / "work")
    vectorizers = json.loads((made.bundle.folder / "vocabulary.json").read_text("utf-8"))
    assert [vectorizer["name"] for vectorizer in vectorizers] == ["char_wb"]
    assert "真好看" in vectorizers[0]["terms"]


def test_linear_without_any_ngram_says_what_to_change(tmp_path: Path) -> None:
    data = chinese(tmp_path, ["好", "棒"], ["坏", "差"])
    wheel = flywheel("classify", {**shipped(), "word_ngrams": [2, 2], "char_ngrams": None})
    with pytest.raises(VolantError, match=r"The 4 train texts contain no n-gram of words \(2, 2\).*Lower the lengths"):
        train("made-up", wheel, data, tmp_path / "bundle", tmp_path / "work")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"word_ngrams": None, "char_ngrams": None}, "both null"),
        ({"char_ngrams": [5, 3]}, "a minimum of at least 1 and a maximum"),
    ],
)
def test_linear_refuses_lengths_that_give_no_features(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(VolantError, match=says):
        config.build({**shipped(), **changes}, "flywheels.mine.model")


def vectorizers_of(union: FeatureUnion) -> list[Vectorizer]:
    """What scikit-learn fitted, as a bundle keeps it."""
    options = ("analyzer", "ngram_range", "token_pattern", "sublinear_tf", "lowercase")
    return [
        Vectorizer(
            **{name: getattr(part, name) for name in options},
            terms=sorted(part.vocabulary_),
            idf=part.idf_.astype(np.float32),
        )
        for _, part in union.transformer_list
    ]


@given(
    texts=st.lists(st.text("abİß !?.'\t\n\u00a0日本", max_size=30), min_size=1, max_size=8),
    lengths=st.tuples(st.integers(1, 3), st.integers(0, 3)),
    analyzer=st.sampled_from(["word", "char_wb"]),
    sublinear=st.booleans(),
)
@settings(deadline=None)
def test_a_bundle_weighs_ngrams_as_scikit_learn_does(
    texts: list[str], lengths: tuple[int, int], analyzer: str, sublinear: bool
) -> None:
    options: dict[str, Any] = {"analyzer": analyzer, "ngram_range": (lengths[0], sum(lengths)), "dtype": np.float32}
    options |= {"token_pattern": TOKEN if analyzer == "word" else None, "sublinear_tf": sublinear}
    union = FeatureUnion([(analyzer, TfidfVectorizer(**options))])
    features: Any = union.fit_transform(["ab a日 b!? 'İß' aa", "bab ba.ba 本日"])
    coefficients = np.random.default_rng(0).normal(size=(3, features.shape[1])).astype(np.float32)
    intercepts = np.array([0.5, -1.0, 2.0], dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        runtime = save_linear(Path(folder), vectorizers_of(union), coefficients, intercepts)
        found = LinearRuntime(Path(folder), runtime).logits(texts)
    np.testing.assert_allclose(found, union.transform(texts) @ coefficients.T + intercepts, atol=1e-5)


@pytest.mark.parametrize("kind", ["classify", "multilabel"])
def test_a_linear_bundle_is_run_without_scikit_learn(trained: Callable[..., Trained], kind: str) -> None:
    folder = trained(kind, "linear").bundle.folder
    code = (
        f"import sys; from pathlib import Path; from volant.bundle.bundle import Bundle; Bundle.load(Path('{folder}'))"
    )
    code += "; print({'sklearn'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_what_has_no_spaces_is_not_remembered(tmp_path: Path) -> None:
    union = FeatureUnion([("char_wb", TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 2)))])
    features: Any = union.fit_transform(["abc cab bca", "acb"])
    runtime = save_linear(
        tmp_path, vectorizers_of(union), np.ones((2, features.shape[1]), np.float32), np.zeros(2, np.float32)
    )
    model = LinearRuntime(tmp_path, runtime)
    letters = np.random.default_rng(0).choice([*"abc"], (50, 20_000))
    tracemalloc.start()
    for row in letters:
        model.logits(["".join(row)])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000  # of 50 x 300 kB


def test_train_rows_of_one_label_only_are_refused(tmp_path: Path) -> None:
    rows = Examples(["a film", "a plot"], [], np.array([1, 1]))
    task = Task(KINDS["classify"], ("good", "bad"), "macro_f1", 1)
    with pytest.raises(VolantError, match=r"The 2 train rows have one label only.*\(good, bad\)"):
        Linear().fit(rows, rows, task, tmp_path, tmp_path)


def test_labels_that_every_row_has_or_none_are_answered_so(tmp_path: Path) -> None:
    kind = KINDS["multilabel"]
    rows = Examples(["a film", "a plot"], [Annotation(labels=("a",))] * 2, np.array([[1.0, 0.0]] * 2, np.float32))
    fitted = Linear().fit(rows, rows, Task(kind, ("a", "b"), "micro_f1", 1), tmp_path, tmp_path)
    logits: Any = load(tmp_path, fitted.candidates[0]).logits(["a film", ""])
    assert (logits[:, 0] > 10).all()
    assert (logits[:, 1] < -10).all()
