"""The conf file of a new flywheel, and its line in conf/config.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from volant.config.edit import scalar
from volant.sources.formats import Format
from volant.sources.guess.infer import Guess

WHY = {
    "auto": "for few rows: cross-validation on train chooses among linear, frozen, contrastive and full fine-tuning",
    "auto-e5": "the same as auto, with an encoder for about 100 languages",
    "e5": "an encoder for about 100 languages, fine-tuned; linear trains in seconds, for a first look",
    "spans": "an encoder for English, fine-tuned on the classes of tokens",
    "spans-e5": "an encoder for about 100 languages that sees capitals, fine-tuned on the classes of tokens",
    "triples-e5": "an encoder for about 100 languages, fine-tuned on pairs of parts",
    "triples-transformer": "an encoder for English, fine-tuned on pairs of parts",
    "transformer": "the most accurate family; linear trains in seconds, for a first look",
}


METRICS = {
    "macro_f1": "                # every label counts the same, however rare",
    "micro_f1": "                # F1 of whole parts: start, end and label must be right",
    "exact_match": "             # label and all spans of a text must be right",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of a flywheel's conf file."""

    name: str
    description: str
    train: str
    test: str | None
    form: Format
    columns: Guess
    drop_labels: Sequence[str]
    model: str
    cleaning: Sequence[str]
    labels: Sequence[str]
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    attributes: Sequence[str] = ()  # of a manifest, by preference
    metric: str = "macro_f1"


def conf_text(draft: Draft) -> str:
    """The conf file, one commented screen of YAML."""
    group = scalar(draft.columns.group) if draft.columns.group else None
    return f"""\
# {" ".join(draft.description.split())}
# After a change: `make run FLYWHEEL={draft.name}` runs what depends on it.
defaults:
  - /source@source: files
  # {WHY[draft.model]}
  - /model@model: {draft.model}   # {_choices(draft.model)}
  - _self_

kind: {draft.columns.kind}
description: {scalar(draft.description)}
labels:
  {_flow(draft.labels)}
source:                         # every field: conf/source/files.yaml
{_source(draft)}split:
  test: 0.2                     # share of rows, where there is no test file
  validation: 0.1               # share of train, where there is no validation file
  group: {group or "null"}  # column whose equal values never straddle a split
  near_duplicates: 0.8
  train_subset_size: null       # a number for a quick run
cleaning: {_flow(draft.cleaning)}
metric: {draft.metric}{METRICS.get(draft.metric, "")}
evaluation:
  slices: [{group or ""}]
seed: ${{seed}}
"""


def _choices(model: str) -> str:
    """The options that a comment lists beside the chosen one: those for the same shape of gold."""
    if model.startswith(("spans", "triples")):
        return ", ".join([*(name for name in WHY if name.startswith(model.split("-", maxsplit=1)[0])), "recurrent"])
    return "auto, auto-e5, e5, linear, recurrent, transformer"


def _flow(values: Sequence[str]) -> str:
    """A YAML list in as few lines as fit, never broken inside a value."""
    lines = [""]
    for value in values:
        item = f"{scalar(value)}, "
        if len(lines[-1]) + len(item) > 100:
            lines.append("   ")
        lines[-1] += item
    return "[" + "\n".join(line.rstrip() for line in lines).rstrip(",") + "]"


def _source(draft: Draft) -> str:
    guess = draft.columns
    form = draft.form
    files = {"train": draft.train, "test": draft.test, "delimiter": form.delimiter, "encoding": form.encoding}
    files |= {"escape": form.escape, "documents": form.documents}
    label = None if guess.label_columns or len(draft.attributes) > 1 else guess.label
    columns = {"text": guess.text, "label": label, "spans": guess.spans, "id": guess.id, "separator": guess.separator}
    lines = [f"{key}: {scalar(value)}" for key, value in files.items() if value]
    if form.quote != Format().quote:
        lines.append(f"quote: {scalar(form.quote) if form.quote else 'null'}")
    if form.header:
        lines.append(f"header: {_flow(form.header)}")
    lines += ["columns:", *(f"  {key}: {scalar(value)}" for key, value in columns.items() if value)]
    if guess.label_columns:
        lines.append(f"  label_columns: {_flow(guess.label_columns)}  # 1 where the label applies")
    if len(draft.attributes) > 1:
        lines.append(f"  label: {_flow(draft.attributes)}  # the first that a row has counts")
    if draft.where:
        lines.append("  where:")
        lines += [f"    {scalar(name)}: {_flow(values)}" for name, values in draft.where.items()]
    if draft.drop_labels:
        lines.append(f'  drop_labels: {_flow(draft.drop_labels)}  # "": rows without a value')
    if draft.test:
        lines += ["watch:", "  test: ${..test}"]
    return "".join(f"  {line}\n" for line in lines)
