"""New labels in a flywheel's conf file: added to its `labels`; all other bytes stay, comments included."""

import json
from collections.abc import Sequence
from pathlib import Path

from volant import config
from volant.config.edit import save, with_labels
from volant.config.listing import live_flywheels
from volant.workspace.dvc import PATIENCE
from volant.workspace.files import write_text
from volant.workspace.locks import iteration_lock
from volant.workspace.paths import STATE


def add_labels(flywheel: str, labels: Sequence[str], rows: Path, root: Path = Path()) -> Path | None:
    """Add labels to those that the conf file lists, and compose `params.yaml` again; `recover_labels` completes it.

    Fails with `VolantError` if the config would not be valid; the file stays as it was.

    Args:
        flywheel: Name of the flywheel.
        labels: Labels to add.
        rows: Rows of the dataset with these labels; until its card exists, `recover_labels` removes the labels again.
        root: Root of the project.

    Returns:
        The file; None if it lists no labels, since the train rows define them then.
    """
    from volant.config.compose import write_params

    path = root / config.CONF / "flywheel" / f"{live_flywheels(root).get(flywheel, flywheel)}.yaml"
    before = path.read_text(encoding="utf-8")
    text = with_labels(before, labels)
    if text is None:
        return None
    note = {"conf": str(path.relative_to(root)), "before": before, "after": text}
    write_text(json.dumps({**note, "card": str(rows.relative_to(root).with_suffix(".json"))}), _note(flywheel, root))
    save({path: text}, then=lambda: write_params(root))
    return path


def recover_labels(flywheel: str, root: Path = Path()) -> None:
    """Complete `add_labels`: if there is no card, restore the conf file, unless a person has changed it.

    Fails with `VolantError` if an iteration runs for too long, as its labels must not change.
    """
    from volant.config.compose import write_params

    path = _note(flywheel, root)
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    conf = root / note["conf"]
    if not (root / note["card"]).exists() and conf.exists() and conf.read_text(encoding="utf-8") == note["after"]:
        with iteration_lock(f"removal of the new labels of {flywheel}", root, PATIENCE):
            write_text(note["before"], conf)
            write_params(root)
    path.unlink()


def _note(flywheel: str, root: Path) -> Path:
    return root / STATE / "widening" / f"{flywheel}.json"
