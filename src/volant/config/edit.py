"""Changes to the files under `conf/` that leave everything else as it is."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path

import yaml

from volant.errors import VolantError
from volant.workspace.files import write_text


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
    """Return where the list ends: at the next key of the top level."""
    return next((i for i in range(start + 1, len(lines)) if re.match(r"[^\s#-]", lines[i])), len(lines))


def save(texts: Mapping[Path, str], then: Callable[[], object]) -> None:
    """Write the files and call `then`; if any of it fails, restore the files."""
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


def with_labels(conf: str, labels: Sequence[str]) -> str | None:
    r"""The conf file with these labels as well; None if it has no list of labels.

    Example:
        >>> print(with_labels("kind: one\nlabels: [good, \"no\"]  # ours\nseed: 1\n", ["no", "5", "fair"]))
        kind: one
        labels: [good, "no", "5", fair] # ours
        seed: 1
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    lines = conf.splitlines()
    start = next((at for at, line in enumerate(lines) if re.match(r"labels\s*:", line)), None)
    if start is None:
        return None
    end = next((at for at in range(start + 1, len(lines)) if re.match(r"[^\s#]", lines[at])), len(lines))
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load("\n".join(lines[start:end]))
    if not isinstance(tree["labels"], list):
        return None
    there = {str(label) for label in tree["labels"]}
    for label in labels:
        if _escaped(label) not in there:
            tree["labels"].append(label if scalar(label) == label else DoubleQuotedScalarString(_escaped(label)))
    out = StringIO()
    yaml.dump(tree, out)
    return "\n".join([*lines[:start], *out.getvalue().splitlines(), *lines[end:]]) + "\n"


def _escaped(label: str) -> str:
    r"""Escape for OmegaConf, which reads backslashes before `${` as escapes."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", label)
