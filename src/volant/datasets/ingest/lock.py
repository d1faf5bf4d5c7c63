"""The lock of a flywheel's lake: one writer at a time; the next one removes what a killed one left."""

import re
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from volant.datasets.catalogue import cards
from volant.datasets.ingest.labels import settle
from volant.workspace.locks import held
from volant.workspace.paths import LOCKS, SIDES, checked, home

PATIENCE = 600  # seconds
# what an ingest writes before the card: rows, their .dvc file, and drafts of rows and card as `schema` names them
OWN = re.compile(r".+-[0-9a-f]{8}\.parquet(\.dvc)?|\.+(rows\.parquet|.+\.json)(\.[0-9a-f]{8}\.part)+")


def locked(flywheel: str, root: Path = Path(), patience: float = PATIENCE) -> AbstractContextManager[None]:
    """Hold the lake of a flywheel while a `with` runs.

    Fails with `VolantError` if another process still holds it after `patience` seconds; says which.
    """
    refused = (
        f"The lake of {flywheel} is held by {{holder}} for more than {patience:.0f} seconds. "
        "Nothing was changed. Wait for it or end it, then run the same command again."
    )
    waiting = f"Waiting for the lake of {flywheel}, held by {{holder}}."
    path = root / LOCKS / f"{checked(flywheel, 'flywheel')}.lake"
    return held(path, " ".join(sys.argv)[:200], patience, waiting, refused)


def recover(flywheel: str, root: Path = Path()) -> list[Path]:
    """Take back what an ingest that was killed has left: rows and labels without a card. Call it under the lock.

    Returns:
        The files that were removed.
    """
    settle(flywheel, root)
    kept = {f"{card.name}.parquet{end}" for card in cards(flywheel, root) for end in ("", ".dvc")}
    found = [path for side in SIDES for path in home(flywheel, side, root).iterdir() if OWN.fullmatch(path.name)]
    left = [path for path in found if path.name not in kept]
    for path in left:
        path.unlink(missing_ok=True)
    return left
