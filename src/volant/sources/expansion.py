"""Sentence templates, expanded: `turn on [the] {area} (light|lamp)` becomes sentences whose slots have their place."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hassil.expression import ListReference

DEPTH = 24  # of rules within rules; deeper ones refer to each other
EMPTY = 0.5  # share of optional parts that are left out


@dataclass(frozen=True)
class Sentence:
    """A sentence with its slots: characters from start to end, and the slot's name."""

    text: str
    slots: tuple[tuple[int, int, str], ...]


@dataclass
class Draft:
    """A sentence in the making."""

    text: str = ""
    slots: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, text: str, slot: str | None = None) -> None:
        """Append a text, without a second space in a row; with `slot`, it is the value of that slot."""
        if not self.text or self.text.endswith(" "):
            text = text.lstrip()
        if slot and text:
            self.slots.append((len(self.text), len(self.text) + len(text), slot))
        self.text += text

    def done(self) -> Sentence:
        """Return the sentence without white space at its end."""
        return Sentence(self.text.rstrip(), tuple(self.slots))


class Expansion:
    """The grammar of a language: lists of values and rules that its templates refer to.

    The grammar is that of Home Assistant's intents: alternatives `(a|b)`, options `[a]`, any order `(a;b)`, rules
    `<rule>`, and lists `{list}` or `{list:slot}`.

    Args:
        rules: Template of each rule.
        lists: For each list its values: sentences with templates of their own, or ranges of numbers.

    Source: https://github.com/OHF-Voice/hassil/blob/main/docs/template_syntax.md
    """

    def __init__(self, rules: Mapping[str, str], lists: Mapping[str, Sequence[str]]) -> None:
        self._rules = dict(rules)
        self._lists = lists

    def draw(self, template: str, generator: random.Random) -> Sentence:
        """Return one sentence of a template.

        Raises:
            LookupError: If the template names a rule or list that isn't there.
        """
        draft = Draft()
        self._expand(_parsed(template), draft, generator, DEPTH)
        return draft.done()

    def sentences(self, template: str, most: int, seed: str) -> list[Sentence]:
        """Return up to `most` different sentences of a template, the same ones for the same seed.

        Fails with `LookupError` if the template names a rule or list that isn't there.

        Args:
            template: The template.
            most: Largest number of sentences.
            seed: Any text.
        """
        generator = random.Random(seed)  # noqa: S311  (not for security)
        drawn: dict[str, Sentence] = {}
        for _ in range(3 * most):
            sentence = self.draw(template, generator)
            if sentence.text and len(drawn) < most:
                drawn.setdefault(sentence.text, sentence)
        return list(drawn.values())

    def _expand(self, part: Any, draft: Draft, generator: random.Random, depth: int) -> None:
        from hassil import expression

        if isinstance(part, expression.TextChunk):
            draft.add(part.original_text)
        elif isinstance(part, expression.ListReference):
            draft.add(self._value(part, generator, depth), part.slot_name)
        elif isinstance(part, expression.RuleReference):
            self._expand(_parsed(self._rule(part.rule_name, depth)), draft, generator, depth - 1)
        elif isinstance(part, expression.Alternative):
            filled = [item for item in part.items if getattr(item, "text", " ")]
            if not part.is_optional or generator.random() >= EMPTY:
                self._expand(generator.choice(filled), draft, generator, depth)
        else:
            items = list(part.items)
            if isinstance(part, expression.Permutation):
                generator.shuffle(items)
            for item in items:
                self._expand(item, draft, generator, depth)

    def _rule(self, name: str, depth: int) -> str:
        if depth == 0:
            raise LookupError(f"rule <{name}> without itself")
        if name not in self._rules:
            raise LookupError(f"rule <{name}>")
        return self._rules[name]

    def _value(self, reference: "ListReference", generator: random.Random, depth: int) -> str:
        numbers = reference.get_inline_range()
        if numbers:
            return str(generator.randrange(numbers[0], numbers[1] + 1, numbers[2]))
        if not self._lists.get(reference.list_name):
            raise LookupError(f"list {{{reference.list_name}}}")
        draft = Draft()
        self._expand(_parsed(generator.choice(self._lists[reference.list_name])), draft, generator, depth - 1)
        return draft.done().text


@lru_cache(maxsize=10_000)
def _parsed(template: str) -> Any:
    """Return a template as a tree, which is only read: rules and values are drawn from thousands of times."""
    from hassil.parse_expression import parse_sentence

    return parse_sentence(template).expression
