"""New labels in a flywheel's conf file: added to its `labels`, all else keeps its bytes, comments included."""

import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from volant import config
from volant.errors import VolantError
from volant.scaffold.listing import live_flywheels
from volant.scaffold.write import scalar
from volant.schema import write_text


def widen(flywheel: str, labels: Sequence[str], root: Path = Path()) -> Path | None:
    """Add labels to those that the conf file lists, and compose `params.yaml` anew.

    Returns:
        The file; None where it lists no labels, since train decides then.

    Raises:
        VolantError: If the config would not be valid; the file stays as it was.
    """
    from volant.compose import write_params

    path = root / config.CONF / "flywheel" / f"{live_flywheels(root).get(flywheel, flywheel)}.yaml"
    before = path.read_text(encoding="utf-8")
    text = with_labels(before, labels)
    if text is None:
        return None
    write_text(text, path)
    try:
        write_params(root)
    except VolantError:
        write_text(before, path)
        raise
    return path


def with_labels(conf: str, labels: Sequence[str]) -> str | None:
    r"""The conf file with these labels as well; None if it has no list of labels.

    Example:
        >>> print(with_labels("kind: classify\nlabels: [good, \"no\"]  # ours\nseed: 1\n", ["no", "5", "fair"]))
        kind: classify
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
    yaml.preserve_quotes, yaml.width = True, 110
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
    r"""As OmegaConf reads it: backslashes before `${` are escapes."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", label)
