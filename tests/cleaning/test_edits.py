"""Spans follow their text through every step: markup, placeholders, mojibake and removed characters."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volant.cleaning import STEPS, clean_batch, parse_steps
from volant.cleaning.edits import Edit, align, inverse, move
from volant.cleaning.offsets import clean_text
from volant.errors import VolantError
from volant.kinds.record import SPANS, Span

TEXT_STEPS = [name for name in STEPS if not name.startswith("drop_")]
# Words that no step changes, and what may stand between them; a word inside a tag is the trap.
WORDS = ["word", "b", "pi", "run"]
MARKUP = [
    "<br />",
    "<b>",
    "</b>",
    "<p>",
    '<a href="word">',
    "</a>",
    "<!-- word -->",
    "<table><tr><td>",
    "</table>",
]
MORE_MARKUP = ["<script>word b</script>", '<i title="b > word">', "&amp;", "&eacute;", " < ", "\r\n", "\0"]
OTHER = [
    " ",
    "  \n",
    "\u200b",
    " http://x.org/word ",
    " @pi ",
    " a@b.com ",
    " 42 ",
    "😀",
    " Ã© ",
    "ﬁ",
    " e\u0301 ",
]
NOISE = [*MARKUP, *MORE_MARKUP, *OTHER, " #* ", " İ ", " movies "]


def clean(text: str, spans: list[Span], steps: list[str]) -> tuple[str, list[Span], int]:
    rows = pa.array([[{"start": s.start, "end": s.end, "label": s.label} for s in spans]], SPANS)
    batch, counts = clean_batch(pa.RecordBatch.from_arrays([pa.array([text]), rows], ["text", "spans"]), steps)
    [row] = batch.to_pylist()
    return row["text"], [Span(**span) for span in row["spans"]], counts["spans_lost"]


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text of words and noise, a span over each word, its label the word itself."""
    text, spans = "", []
    for _ in range(draw(st.integers(1, 6))):
        text += " " + "".join(draw(st.lists(st.sampled_from(NOISE), max_size=3))) + " "
        word = draw(st.sampled_from(WORDS))
        spans.append(Span(len(text), len(text) + len(word), word))
        text += word
    return text + " " + draw(st.sampled_from(NOISE)), spans


@given(marked(), st.sets(st.sampled_from(TEXT_STEPS)))
def test_the_text_under_an_untouched_span_stays(row: tuple[str, list[Span]], chosen: set[str]) -> None:
    text, spans = row
    cleaned, moved, lost = clean(text, spans, [name for name in TEXT_STEPS if name in chosen])
    assert [cleaned[span.start : span.end] for span in moved] == [span.label for span in spans]
    assert lost == 0


@given(st.lists(st.sampled_from(NOISE + WORDS), max_size=12).map("".join), st.data())
def test_any_span_stays_in_range_and_in_order(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [Span(a, b, "x") for a, b in pairwise(cuts)]
    chosen = data.draw(st.sets(st.sampled_from(TEXT_STEPS)))
    cleaned, moved, lost = clean(text, spans, [name for name in TEXT_STEPS if name in chosen])
    assert all(0 <= span.start < span.end <= len(cleaned) for span in moved)
    assert [s.start for s in moved] == sorted(s.start for s in moved)
    assert [s.end for s in moved] == sorted(s.end for s in moved)
    assert len(moved) + lost == len(spans)


@given(st.lists(st.sampled_from(NOISE + WORDS), max_size=12).map("".join), st.sampled_from(TEXT_STEPS))
def test_the_edits_of_a_step_add_up_to_its_text(text: str, name: str) -> None:
    """What lies between edits is as long in both texts, so the lengths must agree; edits don't overlap."""
    [step] = parse_steps([name])
    cleaned = step.apply(text)  # pyright: ignore[reportAttributeAccessIssue]
    edits = step.edits(text, cleaned) if cleaned != text else []  # pyright: ignore[reportAttributeAccessIssue]
    assert len(cleaned) - len(text) == sum(edit.length - (edit.end - edit.start) for edit in edits)
    ends = [0, *(edit.end for edit in edits)]
    assert all(end <= edit.start <= edit.end <= len(text) for end, edit in zip(ends, edits, strict=False))


@given(st.text("ab \n", max_size=20), st.text("ab \n", max_size=20))
def test_align_rebuilds_the_new_text(old: str, new: str) -> None:
    rebuilt, done = "", 0
    for edit in align(old, new):
        rebuilt += old[done : edit.start]
        rebuilt += new[len(rebuilt) : len(rebuilt) + edit.length]
        done = edit.end
    assert rebuilt + old[done:] == new


@pytest.mark.parametrize(
    ("span", "edits", "expected"),
    [
        ((3, 5), [Edit(3, 3, 2)], (5, 7)),  # put in just before: stays outside
        ((3, 5), [Edit(5, 5, 2)], (3, 5)),  # put in just behind: stays outside
        ((3, 5), [Edit(4, 4, 2)], (3, 7)),  # put in inside: belongs to it
        ((3, 5), [Edit(0, 4, 0)], (0, 1)),  # its first half went
        ((3, 5), [Edit(4, 9, 4)], (3, 8)),  # cuts through what was replaced: takes in the whole
        ((3, 5), [Edit(2, 6, 0)], None),
    ],
)
def test_move(span: tuple[int, int], edits: list[Edit], expected: tuple[int, int] | None) -> None:
    assert move([Span(*span, "x")], edits) == ([Span(*expected, "x")] if expected else [])


def test_a_span_whose_text_vanished_is_dropped_and_counted() -> None:
    assert clean("<b>Ann</b> 😀", [Span(3, 6, "person"), Span(0, 3, "tag")], ["html"]) == (
        "Ann 😀",
        [Span(0, 3, "person")],
        1,
    )


@pytest.mark.parametrize("span", [Span(0, 9, "x"), Span(-1, 2, "x"), Span(2, 2, "x")])
def test_a_span_outside_its_text_is_refused(span: Span) -> None:
    with pytest.raises(VolantError, match="lies outside its text of 3 characters"):
        clean("abc", [span], ["lower"])


@given(marked(), st.sets(st.sampled_from(TEXT_STEPS)))
def test_what_is_found_in_a_cleaned_text_leads_back_to_the_raw_one(
    row: tuple[str, list[Span]], chosen: set[str]
) -> None:
    text, spans = row
    steps = [name for name in TEXT_STEPS if name in chosen]
    cleaned = clean_text(text, steps)
    assert cleaned.text == clean(text, spans, steps)[0]
    assert cleaned.raw(clean(text, spans, steps)[1]) == spans


@given(st.lists(st.sampled_from(NOISE + WORDS), max_size=12).map("".join), st.data())
def test_the_way_back_stays_in_range_and_in_order(text: str, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from(TEXT_STEPS)))
    cleaned = clean_text(text, [name for name in TEXT_STEPS if name in chosen])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(cleaned.text)), max_size=8)))
    back = cleaned.raw([Span(a, b, "x") for a, b in pairwise(cuts)])
    assert all(0 <= span.start < span.end <= len(text) for span in back)
    assert [s.start for s in back] == sorted(s.start for s in back)


def test_the_inverse_of_the_inverse_is_the_edits() -> None:
    edits = [Edit(0, 3, 0), Edit(5, 5, 2), Edit(9, 12, 7)]
    assert inverse(inverse(edits)) == edits
