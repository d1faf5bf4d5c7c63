"""Seconds from the start of the service until it is ready, with one model.

    python bench/start.py [--bundle models/reviews] [--rounds 5] [--json]

The service of a project (`make serve`: its registry names the model, which is fetched before the first start counts)
and a packaged one (`volant package`) take turns; medians are shown. Ready means that `/readyz` answers 200. Without
--bundle a small model of family `linear` is trained on made-up reviews.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from load import running
from soak import SERVE, project, small


def seconds(command: Sequence[str], folder: Path) -> float:
    """From the start until it is ready."""
    begun = time.perf_counter()
    with running(command, folder, "readyz"):
        return time.perf_counter() - begun


def main() -> None:
    """Start both in turn, print medians."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--bundle", type=Path)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    with TemporaryDirectory(prefix="volant-start-") as folder:
        work = Path(folder)
        os.environ["BENTOML_HOME"] = str(work / "bentoml")
        bundle = given.bundle.resolve() if given.bundle else small(work)
        (work / "project").mkdir()
        name = project(work / "project", bundle)
        from volant.service.package import pack

        packed = pack({name: (bundle, "1")}, work / "project")
        commands = {"project": SERVE, "packaged": ("-m", "bentoml", "serve", packed.tag)}
        for command in commands.values():  # fetches the version, compiles what was never imported
            seconds(command, work / "project")
        times = {name: [seconds(c, work / "project") for _ in range(given.rounds)] for name, c in commands.items()}
    found = {name: {"median": round(median(all_), 2), "worst": round(max(all_), 2)} for name, all_ in times.items()}
    print(json.dumps(found, indent=None if given.json else 2))


if __name__ == "__main__":
    main()
