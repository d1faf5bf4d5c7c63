"""A champion that the ledger names and the registry does not hold any more."""

from pathlib import Path

from volant.errors import VolantError


def deleted(name: str, champion: int, fallback: int | None) -> str:
    """What to say of a champion that was deleted in MLflow's pages, and what to do.

    Example:
        >>> deleted("mine", 2, 1)[-68:]
        '`volant rollback mine` makes version 1 the champion, which is there.'
    """
    said = (
        f"{name}: by the ledger, version {champion} is the champion, and the registry does not hold it: it was deleted."
    )
    if fallback:
        return f"{said} `volant rollback {name}` makes version {fallback} the champion, which is there."
    return f"{said} `volant iterate {name}` registers the bundle in models/{name} again."


def lost_champion(name: str, root: Path = Path()) -> bool:
    """Whether the champion was deleted, and the bundle in models/ is to be registered again.

    Raises:
        VolantError: If there is a version to go back to, which is for a person to decide.
    """
    from volant.tracking.existing import reading
    from volant.tracking.stores import known

    if not known(root):
        return False
    with reading(root) as found:
        lost = found.lost(name) if found.knows(name) else None
    if lost and lost[1]:
        raise VolantError(deleted(name, *lost))
    return lost is not None
