"""Every kind keeps the same promises: a new one is tested by being in `KINDS`."""

import numpy as np
import pyarrow as pa
import pytest

from support.kinds import WHOLE
from volant.errors import VolantError
from volant.kinds import KINDS, Calibration, Kind
from volant.kinds.record import Annotation

LABELS = ("calm", "glad", "sad")
ROWS = 60


def rows() -> pa.Table:
    """Seeded rows of any kind, every label present; a kind with a new column adds its values here."""
    draw = np.random.default_rng(7)
    picks = [LABELS[k] for k in np.r_[0:3, draw.integers(0, 3, ROWS - 3)]]
    sets = [[LABELS[k] for k in np.flatnonzero(draw.random(3) < 0.4)] if n > 2 else [LABELS[n]] for n in range(ROWS)]
    return pa.table({"text": [f"text {n}" for n in range(ROWS)], "label": picks, "labels": sets})


def sure(kind: Kind, gold: list[Annotation]) -> np.ndarray:
    """Logits of a model that is always right and sure."""
    targets = kind.targets(gold, LABELS)
    held = targets > 0 if targets.ndim == 2 else np.eye(len(LABELS))[targets] > 0
    return np.where(held, 9.0, -9.0)


def answers(kind: Kind, logits: np.ndarray, labels: tuple[str, ...] = LABELS) -> list[Annotation]:
    return kind.decode(kind.probabilities(logits, Calibration()), labels, Calibration())


@pytest.fixture(params=WHOLE)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def test_there_are_kinds_to_visit() -> None:
    assert set(KINDS) >= {"classify", "multilabel"}
    assert all(name == kind.name for name, kind in KINDS.items())


def test_gold_to_targets_to_decode_and_back(kind: Kind) -> None:
    gold = kind.gold(rows())
    decoded = answers(kind, sure(kind, gold))
    assert [(a.label, a.labels) for a in decoded] == [(a.label, a.labels) for a in gold]
    assert all(tuple(a.scores) == LABELS for a in decoded)


def test_a_perfect_prediction_scores_one(kind: Kind) -> None:
    gold = kind.gold(rows())
    decoded = answers(kind, sure(kind, gold))
    scores = kind.score(gold, decoded, LABELS)
    assert tuple(sorted(scores)) == tuple(sorted(kind.metrics))
    assert {name: v for name, v in scores.items() if v != 1} in ({}, {"hamming_loss": 0.0})


def test_the_order_of_rows_does_not_matter(kind: Kind) -> None:
    gold = kind.gold(rows())
    logits = np.random.default_rng(1).normal(size=(ROWS, 3))
    predicted = answers(kind, logits)
    order = np.random.default_rng(2).permutation(ROWS)
    shuffled = kind.score([gold[k] for k in order], [predicted[k] for k in order], LABELS)
    assert shuffled == pytest.approx(kind.score(gold, predicted, LABELS), abs=1e-12)


def test_the_order_of_labels_does_not_matter(kind: Kind) -> None:
    gold = kind.gold(rows())
    logits = np.random.default_rng(1).normal(size=(ROWS, 3))
    plain = kind.score(gold, answers(kind, logits), LABELS)
    other = LABELS[::-1]
    turned = answers(kind, logits[:, ::-1], other)
    assert kind.score(gold, turned, other) == pytest.approx(plain, abs=1e-12)


def test_baselines_are_below_perfect_and_name_the_same_metrics(kind: Kind) -> None:
    gold = kind.gold(rows())
    baselines = kind.baselines(gold, gold, LABELS)
    assert set(baselines) == {"majority", "chance"}
    for values in baselines.values():
        assert set(values) == set(kind.metrics)
        assert all(0 <= value < 1 for value in values.values())
        assert values["roc_auc"] == 0.5


def test_chance_is_what_guessing_gives_on_average(kind: Kind) -> None:
    train = kind.gold(rows())
    test = train[: ROWS // 2]
    draw = np.random.default_rng(0)
    counts = kind.count(train)
    rates = np.array([counts[label] for label in LABELS]) / ROWS
    totals: dict[str, list[float]] = {}
    for _ in range(2000):
        if kind.exclusive:
            guess = [Annotation(label=LABELS[k]) for k in draw.choice(3, len(test), p=rates)]
        else:
            held = draw.random((len(test), 3)) < rates
            guess = [Annotation(labels=tuple(np.array(LABELS)[row].tolist())) for row in held]
        for name, value in kind.score(test, guess, LABELS).items():
            totals.setdefault(name, []).append(value)
    chance = kind.baselines(train, test, LABELS)["chance"]
    # ratios of expected counts are not expected ratios: F1 may differ a little, sums of rows may not
    for name, values in totals.items():
        allowed = 0.008 if name in {"accuracy", "subset_accuracy", "hamming_loss"} else 0.03
        assert np.mean(values) == pytest.approx(chance[name], abs=allowed), name


def test_calibration_of_an_over_confident_model_cools_it(kind: Kind) -> None:
    gold = kind.gold(rows())
    wrong = gold[15:] + gold[:15]
    logits = np.concatenate([sure(kind, gold), sure(kind, gold), sure(kind, wrong)])
    targets = np.concatenate([kind.targets(gold, LABELS)] * 3)
    calibration = kind.calibrate(logits, targets)
    assert calibration.temperature > 3
    assert 0.6 < kind.probabilities(logits, calibration).max() < 0.95


def test_probabilities_are_float32_and_safe_for_huge_logits(kind: Kind) -> None:
    values = kind.probabilities(np.array([[1e5, -1e5, 0.0]]), Calibration())
    assert values.dtype == np.float32
    assert values.shape == (1, 3)
    assert np.isfinite(values).all()


def test_calibration_can_be_taken_back(kind: Kind) -> None:
    logits = np.random.default_rng(5).normal(size=(ROWS, 3)) * 3
    back = kind.uncalibrated(kind.probabilities(logits, Calibration(2.5)), Calibration(2.5))
    assert back == pytest.approx(kind.probabilities(logits, Calibration()), abs=1e-5)


def test_no_rows_are_no_answers(kind: Kind) -> None:
    nothing = np.zeros((0, 3), dtype=np.float32)
    assert kind.decode(kind.probabilities(nothing, Calibration()), LABELS, Calibration()) == []
    assert kind.calibrate(nothing, kind.targets([], LABELS)).temperature == 1.0


def test_an_unknown_label_is_refused_with_the_nearest(kind: Kind) -> None:
    gold = [Annotation(label="gladd", labels=("gladd",))]
    with pytest.raises(VolantError, match=r"Row 0 has the label 'gladd'.*Did you mean 'glad'.*calm, glad"):
        kind.targets(gold, LABELS)


def test_a_missing_column_is_refused_with_those_there(kind: Kind) -> None:
    with pytest.raises(VolantError, match=f"no column '{kind.columns[0]}'.*They have: text"):
        kind.gold(pa.table({"text": ["a"]}))
