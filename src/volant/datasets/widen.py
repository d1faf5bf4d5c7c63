"""New labels in a flywheel's conf file: added to its `labels`, all else keeps its bytes, comments included."""

import json
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from volant import config
from volant.dvc_busy import PATIENCE
from volant.errors import VolantError
from volant.locking import STATE, turn_lock
from volant.scaffold.listing import live_flywheels
from volant.scaffold.write import scalar
from volant.schema import write_text


def widen(flywheel: str, labels: Sequence[str], rows: Path, root: Path = Path()) -> Path | None:
    """Add labels to those that the conf file lists, and compose `params.yaml` anew; `settle` ends it.

    Args:
        flywheel: Whose conf.
        labels: To be added.
        rows: Of the dataset that brings them: until its card is there, `settle` takes the labels back.
        root: The project.

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
    note = {"conf": str(path.relative_to(root)), "before": before, "after": text}
    write_text(json.dumps({**note, "card": str(rows.relative_to(root).with_suffix(".json"))}), _note(flywheel, root))
    write_text(text, path)
    try:
        write_params(root)
    except VolantError:
        write_text(before, path)
        raise
    return path


def settle(flywheel: str, root: Path = Path()) -> None:
    """End a widening: where it was cut off before the card came, conf is what it was, unless a person changed it.

    Raises:
        VolantError: If a turn is on for long, as the labels must not change under it.
    """
    from volant.compose import write_params

    path = _note(flywheel, root)
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    conf = root / note["conf"]
    if not (root / note["card"]).exists() and conf.exists() and conf.read_text(encoding="utf-8") == note["after"]:
        with turn_lock(f"the labels of {flywheel} are taken back", root, PATIENCE):
            write_text(note["before"], conf)
            write_params(root)
    path.unlink()


def _note(flywheel: str, root: Path) -> Path:
    return root / STATE / "widening" / f"{flywheel}.json"


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
