"""Tags of tokens as runs, and the places of tokens in a text."""

import pytest

from volant.errors import VolantError
from volant.sources.formats.schemes import runs, scheme_of
from volant.sources.formats.tokens import align, join

SAME = [(0, 2, "PER"), (2, 3, "PER"), (4, 5, "LOC")]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("I-PER I-PER B-PER O I-LOC", "IOB1"),
        ("B-PER I-PER B-PER O B-LOC", "BIO"),
        ("B-PER E-PER S-PER O S-LOC", "BIOES"),
        ("B-PER L-PER U-PER O U-LOC", "BILOU"),
        ("B-PER M-PER B-PER O B-LOC", "BMES"),
    ],
)
def test_schemes_say_the_same_runs(tags: str, scheme: str) -> None:
    assert runs(tags.split(), "here") == SAME
    assert scheme_of([tags.split()]) == scheme


def test_only_the_first_hyphen_separates_prefix_and_label() -> None:
    assert runs(["B-per-son", "I-per-son", "B_film"], "here") == [(0, 2, "per-son"), (2, 3, "film")]


def test_labels_without_a_prefix_are_runs_of_equal_tags() -> None:
    assert runs(["person-actor", "person-actor", "O", "art"], "here") == [(0, 2, "person-actor"), (3, 4, "art")]
    assert scheme_of([["art", "O"]]) == "IO"


def test_a_run_that_changes_its_label_ends() -> None:
    assert runs(["B-PER", "I-LOC", "E-LOC", "I-LOC"], "here") == [(0, 1, "PER"), (1, 3, "LOC"), (3, 4, "LOC")]


@pytest.mark.parametrize("tag", ["PER", "B-", ""])
def test_a_tag_that_is_none_is_refused_with_what_is_allowed(tag: str) -> None:
    with pytest.raises(VolantError, match=r"a\.txt, line 3: '.*' is not a tag\. Allowed: O, or a prefix and a label"):
        runs(["B-PER", tag], "a.txt, line 3")


def test_tokens_are_found_in_their_text_however_it_is_spaced() -> None:
    text = "It's  (fine) -\n“ok”"
    tokens = ["It", "'s", "-LRB-", "fine", ")", "-", "“", "ok", "”"]
    assert [text[start:end] for start, end in align(text, tokens, "here")] == [
        *("It", "'s", "(", "fine", ")", "-", "“", "ok", "”")
    ]


def test_characters_with_spaces_among_them_are_found() -> None:
    places = align("ONE 北", ["O", "N", "E", " ", "北"], "here")
    assert places == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["Ann", "sings"], r"token 2 is 'sings', but the text goes on with 'sang here'"),
        (["Ann", "sang"], r"after the last token, 'here' remains"),
        (["Ann", "here"], r"token 2 is 'here', but the text goes on with 'sang here'"),
    ],
)
def test_tokens_that_do_not_join_to_the_text_are_refused(tokens: list[str], message: str) -> None:
    with pytest.raises(VolantError, match=rf"a\.json, line 7: the tokens don't join to the text: {message}"):
        align("Ann sang here", tokens, "a.json, line 7")


def test_joined_text_has_spaces_only_where_the_script_has() -> None:
    assert join(["Ann", "sang", "in", "北京", "大学", "2018", "."])[0] == "Ann sang in 北京大学 2018 ."
    text, places = join(["שלום", "", "עולם"])
    assert [text[start:end] for start, end in places] == ["שלום", "", "עולם"]
