"""The lock of a flywheel's lake: one writer at a time; the next one removes the incomplete files of a killed one."""

import re
import sys
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path

from volant.datasets.catalogue import cards
from volant.datasets.ingest.labels import recover_labels
from volant.workspace.locks import held
from volant.workspace.paths import LOCKS, SIDES, checked, home

PATIENCE = 600  # seconds
# files that an ingest writes before the card: rows, their .dvc file, and drafts of rows and card (`workspace.files`)
OWN = re.compile(r".+-[0-9a-f]{8}\.parquet(\.dvc)?|\.+(rows\.parquet|.+\.json)(\.[0-9a-f]{8}\.part)+")


def locked(flywheel: str, root: Path = Path(), patience: float = PATIENCE) -> AbstractContextManager[None]:
    """Hold the lake of a flywheel for the context.

    Fails with `VolantError` if another process still holds it after that time; the message names it.

    Args:
        flywheel: Name of the flywheel.
        root: Root of the project.
        patience: Seconds to wait.
    """
    refused = (
        f"The lake of {flywheel} has been held by {{holder}} for more than {patience:.0f} seconds. "
        "Nothing was changed. Wait for it or end it, then run the same command again."
    )
    waiting = f"Waiting for the lake of {flywheel}, held by {{holder}}."
    path = root / LOCKS / f"{checked(flywheel, 'flywheel')}.lake"
    return held(path, " ".join(sys.argv)[:200], patience, waiting, refused)


def recover(flywheel: str, root: Path = Path()) -> list[Path]:
    """Remove the rows and labels without a card that a killed ingest has left. Call it under the lock.

    Returns:
        The files that were removed.
    """
    recover_labels(flywheel, root)
    registered = {card.name for card in cards(flywheel, root)}
    removed = []
    for path in chain.from_iterable(home(flywheel, side, root).iterdir() for side in SIDES):
        name = path.name.removesuffix(".dvc").removesuffix(".parquet")
        if OWN.fullmatch(path.name) and name not in registered:
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed
