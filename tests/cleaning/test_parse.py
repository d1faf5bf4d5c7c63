"""The config list: what it accepts, and that each refusal names the mistake and the way out."""

import pytest

from volant.cleaning import STEPS, parse_steps
from volant.cleaning.parse import RANK
from volant.errors import VolantError


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (["htlm"], "unknown step 'htlm'. Did you mean 'html'? Allowed: html, unicode"),
        ([{"emoji": {"mod": "name"}}], "emoji: unknown argument 'mod'. Did you mean 'mode'? It takes mode."),
        ([{"emoji": {"mode": "shout"}}], "'keep', 'name' or 'remove'"),
        ([{"urls": {"placeholder": 3}}], "urls: placeholder (given: 3)"),
        ([{"html": {"x": 1}}], "It takes no arguments"),
        ([{"html": "fast"}], "'fast' is not a mapping of arguments"),
        ([{"drop_long": {"max_chars": "9"}}], "drop_long: max_chars (given: '9')"),
        ([{"drop_long": {"max_chars": 0}}], "Give a number of characters above 0"),
        (["drop_long"], "drop_long requires a value for max_chars"),
        ([{"stem": {"language": "englsh"}}], "Did you mean 'english'?"),
        ([{"html": {}, "lower": {}}], "is not a step"),
        ([7], "is not a step"),
        (["html", "lower", "html"], "'html' is listed twice"),
        (["special", "urls"], "'urls' comes after 'special', which removes what it matches"),
        (["whitespace", "html"], "Put 'html' before it"),
        (["drop_empty", "lower"], "which compares clean texts"),
    ],
)
def test_refuses(config: list, message: str) -> None:
    with pytest.raises(VolantError) as error:
        parse_steps(config)
    assert message in str(error.value)


def test_accepts_an_empty_list_null_arguments_and_its_own_result() -> None:
    assert parse_steps([]) == []
    steps = parse_steps(["lower", {"html": None}, {"urls": {"placeholder": ""}}, "drop_leaks"])
    assert [step.name for step in steps] == ["lower", "html", "urls", "drop_leaks"]
    assert parse_steps(steps) == steps


def test_the_registry_is_its_own_default_order() -> None:
    config = [{"drop_long": {"max_chars": 9}} if name == "drop_long" else name for name in STEPS]
    assert [step.name for step in parse_steps(config)] == list(STEPS)
    assert set(RANK) < set(STEPS)
