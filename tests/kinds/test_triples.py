"""Facts: from text to tokens and back, a threshold from validation, and the scores beside the exact ones."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.kinds import statements
from volant.errors import VolantError
from volant.kinds import KINDS, Calibration, TokenOutputs
from volant.kinds.facts import best_threshold
from volant.kinds.mentions import located
from volant.kinds.outputs import CANDIDATES
from volant.kinds.record import TRIPLES, Annotation, Triple

KIND = KINDS["triples"]
LABELS = ("knows", "lives in")
SURE = Calibration(thresholds=(0.5,))


def offsets(text: str) -> np.ndarray:
    """A token for each character but blanks, between two that have none."""
    own = [(k, k + 1) for k, character in enumerate(text) if character != " "]
    return np.array([(0, 0), *own, (0, 0)])


def gold(text: str, *facts: tuple[str, str, str]) -> list[Annotation]:
    cells = [dict(zip(("subject", "predicate", "object"), fact, strict=True)) for fact in facts]
    return KIND.gold(pa.table({"text": [text], "triples": pa.array([cells], TRIPLES)}))


def perfect(targets: list[np.ndarray], tokens: list[np.ndarray]) -> TokenOutputs:
    """Candidates of a model that is always right and sure."""
    known = [rows[(rows >= 0).all(axis=1)] for rows in targets]
    cells = [np.column_stack([rows, np.full(len(rows), 9.0)]).astype(np.float32) for rows in known]
    return TokenOutputs({CANDIDATES: cells}, tokens)


def back(text: str, annotations: list[Annotation]) -> Annotation:
    """What a perfect model makes of the targets of a text."""
    tokens = [offsets(text)]
    likely = KIND.probabilities(perfect(KIND.targets(annotations, LABELS, tokens), tokens), SURE)
    return KIND.decode(likely, LABELS, SURE, [text])[0]


def facts(*triples: tuple[str, str, str]) -> Annotation:
    return Annotation(triples=tuple(Triple(*triple) for triple in triples))


@pytest.mark.parametrize(
    ("text", "triples"),
    [
        ("ann knows bob and lives in rome", [("ann", "knows", "bob"), ("ann", "lives in", "rome")]),
        ("ann lives with bob", [("ann", "knows", "bob"), ("bob", "knows", "ann")]),  # a pair both ways
        ("new york city", [("new york city", "lives in", "york")]),  # a part inside of the other
        ("ann 👩‍👩‍👧 knows 🙂 bob", [("ann 👩‍👩‍👧", "knows", "🙂 bob")]),
        ("e\u0301mile knows ann", [("e\u0301mile", "knows", "ann")]),  # a letter of two characters
        ("דנה גרה בתל אביב", [("דנה", "lives in", "תל אביב")]),
        ("小明住在北京", [("小明", "lives in", "北京")]),
    ],
)
def test_targets_give_the_gold_back(text: str, triples: list[tuple[str, str, str]]) -> None:
    annotations = gold(text, *triples)
    answer = back(text, annotations)
    assert set(answer.triples) == set(annotations[0].triples) == {Triple(*triple) for triple in triples}
    for triple in answer.triples:
        assert triple.subject_at
        assert triple.object_at
        assert text[slice(*triple.subject_at)] == triple.subject
        assert text[slice(*triple.object_at)] == triple.object
        assert triple.score
        assert triple.score > 0.99


@given(st.integers(0, 10_000))
def test_made_up_rows_come_back(seed: int) -> None:
    table = statements(3, seed)
    for annotation, text in zip(KIND.gold(table), table["text"].to_pylist(), strict=True):
        assert set(back(text, [annotation]).triples) == set(annotation.triples)


def test_a_part_that_is_not_in_the_text_is_missed_not_learned() -> None:
    annotations = gold("ann knows bob", ("ann", "knows", "bob"), ("zoe", "knows", "bob"))
    targets = KIND.targets(annotations, LABELS, [offsets("ann knows bob")])
    assert targets[0].tolist() == [[0, 1, 3, 9, 11], [0, -1, -1, 9, 11]]
    scores = KIND.score(annotations, [back("ann knows bob", annotations)], LABELS)
    assert (scores["micro_precision"], scores["micro_recall"], scores["subset_accuracy"]) == (1.0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "subject_at", "object_at"),
    [
        ("anna met ann in rome", (9, 12), (16, 20)),  # a whole word before a part of one
        ("ann left; ann is in rome, and rome is old", (10, 13), (20, 24)),  # the closest pair
        ("annrome", (0, 3), (3, 7)),
        ("ann is away", (0, 3), None),
    ],
)
def test_places_of_a_fact(text: str, subject_at: tuple[int, int], object_at: tuple[int, int] | None) -> None:
    triple = located(Triple("ann", "lives in", "rome"), text)
    assert (triple.subject_at, triple.object_at) == (subject_at, object_at)


def test_a_part_that_lies_in_the_other_has_another_place_if_there_is_one() -> None:
    triple = located(Triple("rome city", "lives in", "rome"), "rome city is in rome")
    assert triple.object_at == (16, 20)


def test_a_text_that_says_a_part_a_hundred_thousand_times_is_read() -> None:
    assert located(Triple("a", "knows", "b"), "a" * 100_000 + " b").object_at == (100_001, 100_002)


def test_an_empty_text_has_no_facts() -> None:
    nothing = TokenOutputs({CANDIDATES: [np.array([[0, 0, 0, 0, 0, 5.0]] * 2, np.float32)]}, [offsets("")])
    answer = KIND.decode(KIND.probabilities(nothing, SURE), LABELS, SURE, [""])[0]
    assert answer == Annotation(scores={"knows": 0.0, "lives in": 0.0})
    assert KIND.decode(TokenOutputs({CANDIDATES: []}, []), LABELS, SURE, []) == []


def test_candidates_of_special_tokens_and_repeated_facts_are_left_out() -> None:
    text = "ann ann bob"
    rows = [[0, 1, 3, 7, 9, 1.0], [0, 4, 6, 7, 9, 3.0], [0, 0, 3, 7, 9, 9.0], [1, 7, 9, 1, 3, -2.0]]
    outputs = TokenOutputs({CANDIDATES: [np.array(rows, np.float32)]}, [offsets(text)])
    answer = KIND.decode(KIND.probabilities(outputs, SURE), LABELS, SURE, [text])[0]
    assert answer.triples == (Triple("ann", "knows", "bob"),)
    assert answer.triples[0].subject_at == (4, 7)  # the more probable one
    assert answer.triples[0].score == pytest.approx(answer.scores["knows"]) == pytest.approx(0.9526, abs=1e-4)
    assert answer.scores["lives in"] == pytest.approx(0.1192, abs=1e-4)


def noisy(seed: int, shift: float) -> tuple[TokenOutputs, list[np.ndarray]]:
    """Candidates of 80 texts: the right ones have higher logits on average, all of them too low by `shift`."""
    draw = np.random.default_rng(seed)
    targets = [np.array([[0, 1, 2, 4, 4]]) for _ in range(80)]
    cells = []
    for _ in targets:
        others = np.column_stack([np.ones((6, 1)), np.arange(24).reshape(6, 4), draw.normal(-2, 1.5, 6)])
        cells.append(np.vstack([[0, 1, 2, 4, 4, draw.normal(2, 1.5)], others]).astype(np.float32))
        cells[-1][:, 5] -= shift
    return TokenOutputs({CANDIDATES: cells}, [np.stack([np.arange(40), np.arange(40) + 1], axis=1)] * 80), targets


def test_threshold_and_scores_come_from_validation() -> None:
    outputs, targets = noisy(1, shift=4.0)
    calibration = KIND.calibrate(outputs, targets)
    other, other_targets = noisy(2, shift=4.0)
    likely = KIND.probabilities(other, calibration)
    scores = np.concatenate([rows[:, 5] for rows in likely.values[CANDIDATES]])
    right = np.concatenate([np.arange(7) == 0] * 80)
    assert scores[right].mean() > 0.6  # uncalibrated, they are near 0.1
    assert abs(scores.mean() - right.mean()) < 0.03
    f1 = [2 * (right & (scores >= t)).sum() / ((scores >= t).sum() + 80) for t in np.linspace(0.01, 0.99, 99)]
    own = 2 * (right & (scores >= calibration.thresholds[0])).sum() / ((scores >= calibration.thresholds[0]).sum() + 80)
    assert own > max(f1) - 0.02
    assert KIND.loss(other, other_targets) > 1


def test_facts_that_no_candidate_has_count_for_the_threshold() -> None:
    scores, hits = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, False, True])
    assert best_threshold(scores, hits, 2) == 0.85
    assert best_threshold(scores, hits, 40) == 0.3


def test_validation_without_facts_keeps_one_half() -> None:
    outputs, targets = noisy(1, 0.0)
    nothing = [rows[:0] for rows in targets]
    assert KIND.calibrate(outputs, nothing).thresholds == (0.5,)
    assert KIND.calibrate(TokenOutputs({CANDIDATES: []}, []), []).thresholds == (0.5,)


def test_calibration_can_be_taken_back() -> None:
    scores = np.array([[0.2, 0.9]])
    calibration = Calibration(slopes=(2.0,), offsets=(1.0,))
    plain = KIND.uncalibrated(scores, calibration)
    assert 1 / (1 + np.exp(-(2 * np.log(plain / (1 - plain)) + 1))) == pytest.approx(scores)


def test_json_of_a_prediction_has_its_places_and_comes_back() -> None:
    fact = Triple("ann", "knows", "bob", (0, 3), (10, 13), 0.75)
    cell = KIND.cell(Annotation(triples=(fact,)))
    assert cell == [
        {
            "subject": "ann",
            "predicate": "knows",
            "object": "bob",
            "subject_at": [0, 3],
            "object_at": [10, 13],
            "score": 0.75,
        }
    ]
    again = KIND.read(cell).triples[0]
    assert (again, again.subject_at, again.object_at, again.score) == (fact, (0, 3), (10, 13), 0.75)
    stored = pa.array([cell], KIND.types[0]).to_pylist()
    assert stored == [[{"subject": "ann", "predicate": "knows", "object": "bob"}]]


def test_a_fact_without_a_part_is_refused_and_a_repeated_one_is_one() -> None:
    with pytest.raises(ValueError, match="empty part"):
        KIND.read([{"subject": "", "predicate": "knows", "object": "bob"}])
    cell = {"subject": "ann", "predicate": "knows", "object": "bob"}
    assert len(KIND.read([cell, cell]).triples) == 1
    assert KIND.read(None) == Annotation()


def test_predicates_are_renamed_or_left_out() -> None:
    annotation = facts(("ann", "knows", "bob"), ("ann", "met", "bob"), ("ann", "at", "rome"))
    names = {"knows": "knows", "met": "knows", "at": None}
    assert KIND.renamed(annotation, names) == facts(("ann", "knows", "bob"))


def test_an_unknown_predicate_is_refused() -> None:
    with pytest.raises(VolantError, match=r"Row 0 has the label 'know'.*Did you mean 'knows'"):
        KIND.targets([facts(("ann", "know", "bob"))], LABELS)


def test_confidence_is_that_of_the_least_probable_fact() -> None:
    some = Annotation(triples=(Triple("a", "knows", "b", score=0.9), Triple("a", "lives in", "c", score=0.6)))
    assert KIND.scored(some) == 0.6
    assert KIND.scored(Annotation(scores={"knows": 0.3, "lives in": 0.1})) == 0.7


def test_scores_by_match_number_and_overlap() -> None:
    rows = [
        facts(("Ann Lee", "knows", "bob")),
        facts(("ann", "knows", "bob"), ("ann", "lives in", "rome")),
        facts(("ann", "knows", "bob"), ("ann", "lives in", "bob")),
        facts(),
    ]
    answers = [
        facts(("Lee", "knows", "bob")),
        facts(("ann", "knows", "bob"), ("ann", "knows", "rome")),
        rows[2],
        facts(),
    ]
    tables = KIND.analysis(rows, answers, LABELS)  # pyright: ignore[reportAttributeAccessIssue]
    matches = {row["match"]: row["f1"] for row in tables["match"]}
    assert matches == {"exact": 0.6, "last words": 0.8, "parts": 0.75}
    assert {row["overlap"]: (row["texts"], row["f1"]) for row in tables["by_overlap"]} == {
        "normal": (2, 0.0),
        "shared part": (1, 0.5),
        "shared pair": (1, 1.0),
    }
    assert [(row["number"], row["texts"]) for row in tables["by_number"]] == [("0", 1), ("1", 1), ("2", 2)]
    assert {row["predicate"]: row["f1"] for row in tables["by_predicate"]} == {"knows": 0.571429, "lives in": 0.666667}


def test_baselines_are_those_of_no_facts() -> None:
    rows = [facts(("ann", "knows", "bob")), facts()]
    values = KIND.baselines(rows, rows, LABELS)["chance"]
    assert values["micro_f1"] == 0
    assert values["subset_accuracy"] == 0.5
    assert set(values) == set(KIND.metrics)
