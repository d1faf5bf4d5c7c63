"""Words of YAML that are not what they look like: `01` is the number 1, `no` is false.

Source: https://yaml.org/spec/1.1/#id864510 (octal, base 60, boolean), which PyYAML and OmegaConf follow.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from volant.errors import VolantError

KEYS = ("label_map", "drop_labels", "where", "labels", "label_columns", "keep", "header")


def check_traps(folder: Path) -> None:
    """Refuse labels and values in conf/ that YAML reads as something else than what is written.

    Args:
        folder: With the conf files of flywheels and sources.

    Raises:
        VolantError: With a line for each; names file, line, and how to quote it.
    """
    lines = []
    for path in sorted(folder.glob("flywheel/*.yaml")) + sorted(folder.glob("source/*.yaml")):
        try:
            tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError):
            continue  # Hydra says what is wrong there
        lines += [f"{path}, {told}" for told in _traps(tree)]
    if lines:
        raise VolantError("\n".join(lines))


def _traps(node: yaml.Node | None, within: str = "") -> Iterator[str]:
    """Yield a sentence for each trap in a tree; `within` is the key of labels or values that it is under."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if within:
                yield from _traps(key, within)
            yield from _traps(value, within or (name if name in KEYS else ""))
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _traps(item, within)
    elif isinstance(node, yaml.ScalarNode) and within and (read := _read_as(node)):
        line = node.start_mark.line + 1
        yield f'line {line}: {within}: {node.value} is read by YAML as {read}. Write "{node.value}" with quotes.'


def _read_as(node: yaml.ScalarNode) -> str | None:
    """Return how YAML reads a scalar, where that isn't what is written; else None."""
    if (
        node.style is not None or node.value in ("", "null", "~") or "${" in node.value
    ):  # quoted, nothing, or a reference
        return None
    value = yaml.safe_load(node.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and str(value) != node.value:
        return f"the number {value}"
    return None
