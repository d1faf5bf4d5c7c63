"""Sentences of an intent and its slots, expanded from the templates in a Python package."""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT
from volant.errors import VolantError
from volant.kinds.record import SPANS
from volant.sources.columns import to_rows
from volant.sources.expansion import Expansion, Sentence
from volant.sources.mapping import Columns
from volant.sources.package import require_member
from volant.workspace.wheels import fetch

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, config=STRICT)
class Templates:
    """A source of sentences expanded from templates; `conf/source/templates.yaml` describes each field.

    Rows have the columns `text`, `label` (intent), `spans` (slots), `template` and `language`. Split by `template`:
    else test has sentences that differ from train's in a word.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9][A-Za-z0-9.!+_-]*$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    members: dict[str, str]
    values: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    per_template: int = Field(default=8, ge=1)
    seed: int = 0
    columns: Columns = Field(default_factory=Columns)
    watch: dict[str, str] = Field(default_factory=dict)

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Read and expand the templates of all languages as train rows, which `prepare` splits.

        Fails with `VolantError` if the wheel can't be downloaded, is another one, or has no such file.
        """
        where = f"{self.name} {self.version}"
        rows: list[dict[str, Any]] = []
        with zipfile.ZipFile(fetch(self.name, self.version, self.sha256)) as archive:
            for language, member in self.members.items():
                tree = json.loads(archive.read(require_member(archive, member, f"{where}, {member}")))
                values = self.values.get(language, {})
                for row in expanded(tree, values, self.per_template, self.seed, f"{where}, {member}"):
                    rows.append({**row, "language": language})
        schema = [(name, pa.string()) for name in ("text", "label", "template", "language")]
        table = pa.Table.from_pylist(rows, pa.schema([*schema, ("spans", SPANS)]))
        return {"train": to_rows(table, self.columns, kind, where)}


def expanded(
    tree: Mapping[str, Any], values: Values, per_template: int, seed: int, where: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one language: text, label, spans, template.

    Args:
        tree: Intents, lists and rules as the package has them.
        values: Values of lists that the package leaves open, such as the names of rooms.
        per_template: Largest number of sentences of a template.
        seed: Seed of the draws.
        where: Name of the file, for messages.

    Raises:
        VolantError: If a template needs a list or a rule that isn't there.
    """
    lists = {**{name: list_values(own) for name, own in tree.get("lists", {}).items()}, **values}
    for intent, own in sorted(tree["intents"].items()):
        for block in own["data"]:
            local = {name: list_values(part) for name, part in block.get("lists", {}).items()}
            grammar = Expansion(
                {**tree.get("expansion_rules", {}), **block.get("expansion_rules", {})}, {**lists, **local, **values}
            )
            for template in block["sentences"]:
                try:
                    sentences = grammar.sentences(template, per_template, f"{seed} {intent} {template}")
                except LookupError as error:
                    raise VolantError(
                        f"{where}: a template of {intent} needs the {error.args[0]}: {template}. "
                        "Give its values under source.values.<language>.<list>."
                    ) from error
                for sentence in sentences:
                    yield _row(sentence, intent, template)


def list_values(own: Mapping[str, Any]) -> list[str]:
    """Return the values of a list as templates: its own, or the numbers of its range; none of a wildcard's.

    Example:
        >>> list_values({"range": {"from": 0, "to": 4, "step": 2}}), list_values({"values": ["on", {"in": "off"}]})
        (['0', '2', '4'], ['on', 'off'])
    """
    if "range" in own:
        numbers = own["range"]
        return [str(n) for n in range(numbers["from"], numbers["to"] + 1, numbers.get("step", 1))]
    return [value if isinstance(value, str) else str(value["in"]) for value in own.get("values", [])]


def _row(sentence: Sentence, intent: str, template: str) -> dict[str, Any]:
    spans = [{"start": start, "end": end, "label": slot} for start, end, slot in sentence.slots]
    return {"text": sentence.text, "label": intent, "spans": spans, "template": template}
