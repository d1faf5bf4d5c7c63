"""A flywheel's conf file with other settings: all other lines keep their bytes, comments included."""

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from volant.config import model_choice

TAG = "tag:yaml.org,2002:"


def rewrite(text: str, settings: Mapping[str, Any], option: str | None = None) -> str:
    r"""The text of the conf file with each dotted key of `settings` at its new value.

    Args:
        text: The file as it is.
        settings: Dotted key → value.
        option: The model to choose instead; the file's `model:` keys go then, as they are another family's.

    Example:
        >>> print(rewrite("metric: f1\nmodel:\n  c: 1.0  # why\nseed: 1\n", {"model.c": 2.0}))
        metric: f1
        model:
          c: 2.0  # why
        seed: 1
    """
    lines = text.splitlines()
    if option:
        choice = re.compile(rf"(\s*-\s*/?{model_choice.GROUP}:\s*)[^\s#]+")
        lines = [choice.sub(rf"\g<1>{option}", line) for line in lines]
    for key in dict.fromkeys(["model"] * bool(option) + [dotted.partition(".")[0] for dotted in settings]):
        start, end = _block(lines, key)
        block = [] if option and key == "model" else lines[start:end]
        mine = {dotted: value for dotted, value in settings.items() if dotted.partition(".")[0] == key}
        lines[start:end] = _changed(block, mine) if mine else block
    return "\n".join(lines) + "\n"


def _block(lines: Sequence[str], key: str) -> tuple[int, int]:
    """The lines of a key of the top level; where there is none, the place after `metric`, or the end."""
    start = next((k for k, line in enumerate(lines) if re.match(rf"{re.escape(key)}\s*:", line)), None)
    if start is None:
        place = _block(lines, "metric")[1] if key != "metric" else len(lines)
        return place, place
    end = next((k for k in range(start + 1, len(lines)) if re.match(r"\S", lines[k])), len(lines))
    while not lines[end - 1].strip():
        end -= 1
    return start, end


def _changed(block: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), lambda out, _: out.represent_scalar(f"{TAG}null", "null"))
    yaml.representer.add_representer(float, lambda out, value: out.represent_scalar(f"{TAG}float", _float(value)))
    tree = yaml.load("\n".join(block)) or {}
    for dotted, value in settings.items():
        _set(tree, dotted.split("."), value)
    out = StringIO()
    yaml.dump(tree, out)
    return out.getvalue().splitlines()


def _float(value: float) -> str:
    """All digits, and the point without which YAML 1.1 reads a text.

    Example:
        >>> _float(1e-05), _float(0.1)
        ('1.0e-05', '0.1')
    """
    digits, e, power = repr(value).partition("e")
    if not e:
        return digits
    point = "" if "." in digits else ".0"
    return f"{digits}{point}{e}{power}"


def _set(tree: Any, keys: Sequence[str], value: Any) -> None:
    from ruamel.yaml.comments import CommentedSeq

    for key in keys[:-1]:
        if tree.get(key) is None:
            tree[key] = {}
        tree = tree[key]
    if isinstance(value, list):
        value = CommentedSeq(value)
        value.fa.set_flow_style()
    tree[keys[-1]] = value
