"""The start of the next version, from earlier weights or from scratch: config, so that it is reproducible."""

from pathlib import Path

from volant import config
from volant.config import compose
from volant.config.edit import save
from volant.config.listing import live_flywheels
from volant.errors import VolantError


def start_from(name: str, number: int, root: Path = Path()) -> str | None:
    """Write into the flywheel's conf file from which version's weights the next one starts; 0: none.

    Args:
        name: Name of the flywheel.
        number: Number of the version; 0 for none.
        root: Root of the project.

    Returns:
        The folder of the weights.

    Raises:
        VolantError: If the family always starts from scratch, or the version kept no weights; the file stays as it was.
    """
    from volant.config.rewrite import rewrite
    from volant.tracking.registry import registry

    path = root / config.CONF / "flywheel" / f"{live_flywheels(root).get(name, name)}.yaml"
    model = config.read_params(root / config.PARAMS)["flywheels"][name]["model"]
    if "start" not in model:
        raise VolantError(
            f"{name} is of family {model['family']}, which always starts from scratch. "
            "--from-version is for transformer and recurrent."
        )
    folder = None
    if number:
        with registry(root) as versions:
            folder = versions.weights(name, number).relative_to(root).as_posix()
    text = rewrite(path.read_text(encoding="utf-8"), {"model.start": folder})
    save({path: text}, then=lambda: compose.write_params(root))
    return folder
