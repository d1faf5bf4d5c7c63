"""Seconds from the start of the service until it is ready, with one model.

    python bench/start.py [--bundle models/reviews] [--rounds 5] [--json]

The service of a project (`make serve`, whose registry names the model; it is fetched before the first measured start)
and a packaged one (`volant package`) are started in turn; medians are printed. Ready means that `/readyz` returns 200.
Without --bundle, a small model of family `linear` is trained on generated reviews.
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
    """Return the seconds from the start until the service is ready."""
    start = time.perf_counter()
    with running(command, folder, "readyz"):
        return time.perf_counter() - start


def main() -> None:
    """Start both in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="volant-start-") as folder:
        work = Path(folder)
        os.environ["BENTOML_HOME"] = str(work / "bentoml")
        bundle = options.bundle.resolve() if options.bundle else small(work)
        (work / "project").mkdir()
        name = project(work / "project", bundle)
        from volant.service.package import pack

        packed = pack({name: (bundle, "1")}, work / "project")
        commands = {"project": SERVE, "packaged": ("-m", "bentoml", "serve", packed.tag)}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():  # fetches the version, and compiles modules on their first import
            seconds(command, work / "project")
        for name, command in commands.items():
            times[name] += [seconds(command, work / "project") for _ in range(options.rounds)]
    figures = {name: {"median": round(median(row), 2), "worst": round(max(row), 2)} for name, row in times.items()}
    print(json.dumps(figures, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
