import numpy as np
import pytest

from volant.kinds import KINDS, Calibration
from volant.kinds.record import Annotation

CLASSIFY, MULTILABEL = KINDS["classify"], KINDS["multilabel"]


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_the_temperature_that_the_data_has_is_found(truth: float) -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(20_000, 3)) * 2
    odds = np.exp(logits)
    targets = np.array([draw.choice(3, p=p) for p in odds / odds.sum(axis=1, keepdims=True)])
    assert CLASSIFY.calibrate(logits * truth, targets).temperature == pytest.approx(truth, rel=0.05)


def test_temperature_keeps_the_answers() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 4))
    plain, cooled = (CLASSIFY.probabilities(logits, Calibration(t)) for t in (1.0, 4.0))
    assert (plain.argmax(axis=1) == cooled.argmax(axis=1)).all()
    assert cooled.max() < plain.max()
    assert plain.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)


def test_a_few_separable_rows_do_not_make_it_certain() -> None:
    logits = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert 0.5 < CLASSIFY.calibrate(logits, np.array([0, 1])).temperature < 1
    assert 0.5 < MULTILABEL.calibrate(logits, np.eye(2, dtype=np.float32)).temperature < 1


def test_a_few_rows_of_one_label_say_nothing_of_the_others() -> None:
    logits = np.array([[1.0, -1.0], [0.5, -1.0]])
    assert CLASSIFY.calibrate(logits, np.array([0, 0])).temperature == 1
    assert CLASSIFY.calibrate(logits, np.array([1, 1])).temperature == 1


def test_a_few_rows_are_believed_where_they_all_say_the_same() -> None:
    timid, targets = np.eye(7)[np.arange(14) % 7], np.arange(14) % 7
    seven, fourteen = (CLASSIFY.calibrate(timid[:n], targets[:n]).temperature for n in (7, 14))
    assert fourteen < 0.5
    assert fourteen < seven < 1


@pytest.mark.parametrize("rows", [2, 6, 14])
def test_the_temperature_of_a_few_rows_makes_a_sound_model_no_worse(rows: int) -> None:
    """Draws of a model whose probabilities are right: as fitted freely to 6 rows its loss rose from 0.64 to 0.76."""
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(20_000, 2)) / 2
    targets = (draw.random(20_000) > CLASSIFY.probabilities(logits, Calibration())[:, 0]).astype(np.int64)
    losses = []
    for start in range(0, 100 * rows, rows):
        few = slice(start, start + rows)
        losses.append(CLASSIFY.loss(logits / CLASSIFY.calibrate(logits[few], targets[few]).temperature, targets))
    assert np.mean(losses) < CLASSIFY.loss(logits, targets) + 0.01


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def test_each_frequent_label_gets_the_threshold_that_its_f1_needs() -> None:
    # the first label holds where the model says 0.3 or more, the second where it says 0.7 or more
    p = np.linspace(0.005, 0.995, 400)
    targets = np.stack([p >= 0.3, p >= 0.7], axis=1).astype(np.float32)
    calibration = MULTILABEL.calibrate(logit(np.stack([p, p], axis=1)), targets, "macro_f1")
    said = MULTILABEL.decode(
        MULTILABEL.probabilities(logit(np.stack([p, p], axis=1)), calibration), ["a", "b"], calibration
    )
    found = np.array([["a" in a.labels, "b" in a.labels] for a in said])
    assert (found != (targets > 0)).mean() < 0.01
    assert calibration.thresholds[0] < calibration.thresholds[1]


def test_a_rare_label_does_not_chase_its_two_positives() -> None:
    # the frequent label is best at about 0.5; both positives of the rare one happen to lie at 0.03
    draw = np.random.default_rng(0)
    p = draw.uniform(0.01, 0.99, (600, 2))
    targets = np.stack([p[:, 0] >= 0.5, np.zeros(600)], axis=1)
    p[:, 1] = 0.02
    p[:2, 1], targets[:2, 1] = 0.03, 1
    calibration = MULTILABEL.calibrate(logit(p), targets.astype(np.float32))
    assert calibration.thresholds[1] > 0.2


def test_a_metric_over_whole_rows_shares_one_threshold() -> None:
    p = np.linspace(0.005, 0.995, 400)
    targets = np.stack([p >= 0.3, p >= 0.7], axis=1).astype(np.float32)
    thresholds = MULTILABEL.calibrate(logit(np.stack([p, p], axis=1)), targets, "micro_f1").thresholds
    assert len(set(thresholds)) == 1


def test_no_threshold_means_one_half_and_a_row_may_hold_nothing() -> None:
    said = MULTILABEL.decode(np.array([[0.5, 0.2], [0.1, 0.2]], np.float32), ["a", "b"], Calibration())
    assert [a.labels for a in said] == [("a",), ()]


def test_baselines_worked_by_hand() -> None:
    train = [Annotation(label=x) for x in "aaab"]
    test = [Annotation(label=x) for x in "ab"]
    found = CLASSIFY.baselines(train, test, ["a", "b"])
    assert found["majority"]["accuracy"] == 0.5
    assert found["majority"]["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["chance"]["accuracy"] == pytest.approx(0.5 * 0.75 + 0.5 * 0.25)


def test_auc_is_left_out_where_the_test_rows_lack_a_label() -> None:
    said = CLASSIFY.decode(np.array([[0.6, 0.4], [0.7, 0.3]], np.float32), ["a", "b"], Calibration())
    gold = [Annotation(label="a"), Annotation(label="a")]
    assert "roc_auc" not in CLASSIFY.score(gold, said, ["a", "b"])
    assert "roc_auc" not in CLASSIFY.baselines(gold, gold, ["a", "b"])["chance"]


def test_a_row_without_a_label_is_refused() -> None:
    with pytest.raises(Exception, match="Row 1 has no label"):
        CLASSIFY.targets([Annotation(label="a"), Annotation()], ["a"])


def weighted(rows: int, labels: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a model whose class weights made every label seem as frequent as its absence, and the truth."""
    draw = np.random.default_rng(0)
    true = draw.normal(size=(rows, labels)) * 1.5 - np.linspace(2, 4, labels)
    targets = (draw.random((rows, labels)) < 1 / (1 + np.exp(-true))).astype(np.float32)
    return true + np.linspace(2, 4, labels), targets


def test_class_weights_are_taken_back_label_by_label() -> None:
    """With one temperature, claims of 0.56 came true 0.31 times on GoEmotions."""
    logits, targets = weighted(20_000)
    calibration = MULTILABEL.calibrate(logits[:5000], targets[:5000])
    said = MULTILABEL.probabilities(logits[5000:], calibration)
    none = np.zeros(said.shape, dtype=bool)
    claimed, true = MULTILABEL.claims(said, targets[5000:], none)
    assert claimed.mean() == pytest.approx(true.mean(), abs=0.03)
    flat = MULTILABEL.probabilities(logits[5000:], Calibration(calibration.temperature))
    claimed, true = MULTILABEL.claims(flat, targets[5000:], none)
    assert claimed.mean() - true.mean() > 0.2
    back = MULTILABEL.uncalibrated(said, calibration)
    assert back == pytest.approx(MULTILABEL.probabilities(logits[5000:], Calibration()), abs=1e-3), "the way back"


def test_the_line_of_a_label_of_few_rows_stays_near_the_shared_temperature() -> None:
    logits, targets = weighted(20_000)
    few, many = (MULTILABEL.calibrate(logits[:n], targets[:n]) for n in (15, 5000))
    assert np.abs(few.offsets).max() < np.abs(many.offsets).max()
    assert np.abs(np.log(few.slopes)).max() < 1
    assert not MULTILABEL.calibrate(logits[:0], targets[:0]).slopes
