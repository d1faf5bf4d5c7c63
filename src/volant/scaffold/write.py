"""The conf file of a new flywheel, and its line in conf/config.yaml."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from volant.errors import VolantError
from volant.scaffold.infer import Guess
from volant.schema import write_text
from volant.sources.formats import Format

WHY = {
    "auto": "for few rows: cross-validation on train chooses among linear, frozen, contrastive and full fine-tuning",
    "linear": "for other scripts than Latin: it reads all of them, and trains in seconds; else try transformer",
    "transformer": "the most accurate family; linear trains in seconds, for a first look",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """All that goes into a flywheel's conf file."""

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


def conf_text(draft: Draft) -> str:
    """The conf file, one commented screen of YAML."""
    group = scalar(draft.columns.group) if draft.columns.group else None
    return f"""\
# {" ".join(draft.description.split())}
# After a change: `make run FLYWHEEL={draft.name}` runs what depends on it.
defaults:
  - /source@source: files
  # {WHY[draft.model]}
  - /model@model: {draft.model}   # auto, linear, recurrent, transformer
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
metric: macro_f1                # every label counts the same, however rare
evaluation:
  slices: [{group or ""}]
seed: ${{seed}}
"""


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
    guess, form = draft.columns, draft.form
    files = {"train": draft.train, "test": draft.test, "delimiter": form.delimiter, "encoding": form.encoding}
    files["escape"] = form.escape
    label = None if guess.label_columns or len(draft.attributes) > 1 else guess.label
    columns = {"text": guess.text, "label": label, "id": guess.id, "separator": guess.separator}
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


def scalar(text: str) -> str:
    r"""A string as a YAML scalar that neither YAML nor OmegaConf takes for anything else.

    Example:
        >>> [scalar(text) for text in ("fresh", "yes", "5", "a: b", "${x}")]
        ['fresh', '"yes"', '"5"', '"a: b"', '"\\\\${x}"']
    """
    if re.fullmatch(r"[A-Za-z/][A-Za-z0-9_./ -]*[A-Za-z0-9]", text) and yaml.safe_load(text) == text:
        return text
    # OmegaConf reads backslashes before ${ as escapes, so those double as well.
    escaped = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    return json.dumps(escaped, ensure_ascii=False)


def with_line(config: str, name: str) -> str:
    r"""conf/config.yaml with the line that makes a flywheel live: after the other flywheels, before `_self_`.

    Example:
        >>> print(with_line("defaults:\n  - a: b  # mine\n  - _self_\nseed: 1\n", "news"))
        defaults:
          - a: b  # mine
          - flywheel@flywheels.news: news
          - _self_
        seed: 1

    Raises:
        VolantError: If it has no defaults list.
    """
    lines = config.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(r"defaults:\s*(#.*)?$", line)), None)
    if start is None:
        raise VolantError("conf/config.yaml has no `defaults:` list. Add `defaults:` with `  - _self_` under it.")
    items = [i for i in range(start + 1, _end(lines, start)) if re.match(r"\s*- ", lines[i])]
    at = next((i for i in items if re.match(r"\s*- _self_\b", lines[i])), items[-1] + 1 if items else start + 1)
    indent = re.match(r"\s*", lines[items[0]])[0] if items else "  "  # type: ignore[index]
    return "\n".join([*lines[:at], f"{indent}- flywheel@flywheels.{name}: {name}", *lines[at:]]) + "\n"


def _end(lines: Sequence[str], start: int) -> int:
    """Where the list ends: at the next key of the top level."""
    return next((i for i in range(start + 1, len(lines)) if re.match(r"[^\s#-]", lines[i])), len(lines))


def save(texts: Mapping[Path, str], then: Callable[[], object]) -> None:
    """Write the files and call `then`; if any of it fails, the files are as they were before."""
    before = {path: path.read_text(encoding="utf-8") if path.exists() else None for path in texts}
    try:
        for path, text in texts.items():
            write_text(text, path)
        then()
    except BaseException:
        for path, text in before.items():
            if text is None:
                path.unlink(missing_ok=True)
            elif path.read_text(encoding="utf-8") != text:
                write_text(text, path)
        raise
