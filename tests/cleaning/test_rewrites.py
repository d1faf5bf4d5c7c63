"""Text steps: what they take away, what they must leave, and that quick ways say what long ones say."""

import ftfy
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from volant.cleaning import STEPS, clean_texts, parse_steps
from volant.cleaning.html import _parse, strip
from volant.cleaning.repair import _config, repair

SAMPLE = "<p>Ünique &amp; ﬁne\x00 <b>MOVIE</b>😀 10/10 @ann a@b.com http://x.org/a?b=1 *#*  Ã© İ</p>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", "a < b"),
        ("I <3 you <b>so</b> much", "I <3 you so much"),
        ("</3 broken <br>", "</3 broken \n"),
        ("if a<b and c>d then", "if a<b and c>d then"),
        ("<grin> ok <i>really</i>", "<grin> ok really"),
        ("look at <http://x.org> <br/>", "look at <http://x.org> \n"),
        ("unclosed <b and no more", "unclosed <b and no more"),
        ("AT&T, rock&reggae, ?a=1&copy=2 <i>x</i>", "AT&T, rock&reggae, ?a=1&copy=2 x"),
        ("&lt;b&gt; stays text, once: &amp;lt;", "<b> stays text, once: &lt;"),
        ("use the <script> tag <i>here</i>", "use the <script> tag here"),
        ("never closed <!-- comment <i>x</i>", "never closed <!-- comment x"),
        ("a<!-- hidden -->b<script>var c;</script>d<style>p {}</style>", "abd"),
        ('<a href="http://x.org/?a=1&amp;b=2" title="x > y">link</a>', "link"),
        ("<o:p>Word</o:p>", "Word"),
        ("one<p>two</p><div>three</div>", "one\ntwo\n\nthree\n"),
        ("in<b>ter</b>rupted", "interrupted"),
        ("<!-- only -->", ""),
    ],
)
def test_html_takes_markup_and_leaves_text(text: str, expected: str) -> None:
    assert strip(text) == expected


@given(
    st.lists(st.sampled_from(["<br>", "<br />", "&amp;", "&eacute;", "&#233;", "&unknown;", "a", " ", "é", "\0", "\r"]))
)
def test_the_quick_ways_of_html_say_what_the_parser_says(parts: list[str]) -> None:
    text = "".join(parts)
    assert strip(text) == _parse(text)


@pytest.mark.parametrize("bomb", ["<div>" * 50_000, "<!--" * 50_000, "<script>" * 50_000 + "</style>", "<a " * 50_000])
def test_html_stays_fast_on_hostile_text(bomb: str) -> None:
    import time

    start = time.perf_counter()
    strip(bomb)
    assert time.perf_counter() - start < 5  # the parser alone takes 6 s on the first


MOJIBAKE = ["Ã©", "â€œ", "â€\x9d", "Ã\xa0 ", "Â ", "é", "œ", "\x85", "ﬁ", "Ａ", "’", "日本", "рус", "e\u0301"]
PLAIN = [
    " plain words of more than thirty characters, so that they are cut ",
    "quele",
    "a",
    "A",
    " ",
    "\n",
    "\0",
]


@given(st.lists(st.sampled_from(MOJIBAKE + PLAIN), max_size=12).map("".join), st.sampled_from(["NFC", "NFKD"]))
@example("à quele plain words of more than thirty characters Ã quele", "NFC")
def test_repair_says_what_ftfy_says(text: str, form: str) -> None:
    assert repair(text, form) == ftfy.fix_text(text, _config(form))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        ("urls", "看http://t.cn/abc这个 (www.x.org/a_(b)).", "看http这个 (http))."),
        ("urls", "WWW.X.ORG, https://a.b?c=d&e=f#g!", "http, http!"),
        ({"urls": {"placeholder": ""}}, "see http://x.org now", "see  now"),
        ({"urls": {"placeholder": r"\1<url>"}}, "see http://x.org", r"see \1<url>"),
        ("emails", "a.b+c@x-y.co.uk, not a@b", "email, not a@b"),
        ("users", "@ann: me@x.org /@path", "@user: me@x.org /@path"),
        ("numbers", "v1.2 covid19 3rd 1,000.5 -7 5%", "v1.2 covid19 3rd 0 -0 0%"),
        ("emoji", "1️⃣ 👩‍💻 ❤️ ™ ©", " digit one   woman personal computer   heavy black heart  ™ ©"),
        ({"emoji": {"mode": "remove"}}, "so 😀 good👍🏽", "so  good"),
        ({"emoji": {"mode": "keep"}}, "so 😀", "so 😀"),
        ("control", "a\x1b[31mred\x1b[0m\u202e b\x85c\tन\u200dक", "ared b c\tन\u200dक"),
        ("special", "हिन्दी #tag* [x] ❤️ don't", "हिन्दी  tag   x    don't"),
        ({"special": {"keep": "]^-"}}, "a]b^c-d.e", "a]b^c-d e"),
        ("whitespace", "\u3000a\xa0\u2003b\r\n", "a b"),
        ("lower", "İSTANBUL ΣΑΣ", "i̇stanbul σας"),
        ({"stem": {"language": "german"}}, "Häuser gelaufen", "haus gelauf"),
        ({"unicode": {"repair": False, "form": "NFKC"}}, "ﬁ Ã©", "fi Ã©"),
    ],
)
def test_step(step: str | dict, text: str, expected: str) -> None:
    assert clean_texts([text], [step]) == [expected]


def test_placeholders_are_stable_when_run_again() -> None:
    steps = ["urls", "emails", "users", "numbers"]
    once = clean_texts([SAMPLE], steps)
    assert clean_texts(once, steps) == once


@pytest.mark.parametrize("name", [name for name in STEPS if not name.startswith("drop_")])
def test_every_text_step_changes_the_sample_and_nothing_in_plain_words(name: str) -> None:
    """The contract of any step: it does something, it is a function, and empty stays empty."""
    [step] = parse_steps([name])
    assert clean_texts([SAMPLE, SAMPLE], [step])[0] == clean_texts([SAMPLE], [name])[0] != SAMPLE
    assert clean_texts(["", "plain word"], [step]) == ["", "plain word"]


def test_the_whole_list_in_order() -> None:
    steps = [name for name in STEPS if name != "stem" and not name.startswith("drop_")]
    assert clean_texts([SAMPLE], steps) == ["ünique fine movie grinning face 0 0 @user email http é i̇"]
