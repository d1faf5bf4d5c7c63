"""A champion that the ledger names and that was deleted from the registry."""

from pathlib import Path

from volant.errors import VolantError


def deleted(name: str, champion: int, fallback: int | None) -> str:
    """Return a message on a champion that was deleted in MLflow's UI, and what to do.

    Args:
        name: Name of the flywheel.
        champion: Number of the deleted version.
        fallback: Number of the version to go back to, if there is one.

    Example:
        >>> deleted("mine", 2, 1)[-58:]
        '`volant rollback mine` restores version 1 as the champion.'
    """
    said = f"{name}: version {champion} is the champion in the ledger, but it was deleted from the registry."
    if fallback:
        return f"{said} `volant rollback {name}` restores version {fallback} as the champion."
    return f"{said} `volant iterate {name}` registers the bundle in models/{name} again."


def lost_champion(name: str, root: Path = Path()) -> bool:
    """Return whether the champion was deleted, and the bundle in models/ is to be registered again.

    Raises:
        VolantError: If there is a version to go back to, which is for a person to decide.
    """
    from volant.tracking.existing import reading
    from volant.tracking.stores import has_registry

    if not has_registry(root):
        return False
    with reading(root) as found:
        lost = found.lost(name) if found.knows(name) else None
    if lost and lost[1]:
        raise VolantError(deleted(name, *lost))
    return lost is not None
