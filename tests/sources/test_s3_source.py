"""A source on S3: the local server of `make s3`, and another terminal that has read its `.s3/env`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.csv
import pytest

from support.projects import ENVIRONMENT, copy_project, free_port
from support.texts import reviews
from volant.workspace.files import read_table

pytestmark = pytest.mark.slow


def environment() -> dict[str, str]:
    """Nothing of this machine's S3 settings: all that is needed stands in `.s3/env`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent"}
    return {**kept, **nothing, "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", **ENVIRONMENT}


@contextmanager
def served(project: Path, port: int) -> Iterator[str]:
    """`make s3` in the project, until the block ends; what it said."""
    with subprocess.Popen(
        [sys.executable, "-um", "volant.workspace.s3_server", str(port)],
        # a shell that runs the tests in the background has Ctrl-C ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield said
        finally:
            process.send_signal(signal.SIGINT)


def elsewhere(project: Path, command: str) -> None:
    """In another terminal, as the server said."""
    shell = f"set -ae; . .s3/env; set +a; {command}"
    done = subprocess.run(
        ["sh", "-c", shell], cwd=project, env=environment(), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def settings(project: Path) -> dict[str, str]:
    lines = (project / ".s3/env").read_text().split()
    return dict(line.split("=", 1) for line in lines)


def test_a_file_on_the_lake_s_server_becomes_a_flywheel(tmp_path: Path) -> None:
    copy_project(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    rows = reviews(120, seed=4)
    (tmp_path / ".s3/data/volant").mkdir(parents=True)
    pyarrow.csv.write_csv(rows, tmp_path / ".s3/data/volant/a.csv")
    with served(tmp_path, port := free_port()):
        assert settings(tmp_path)["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{port}"
        assert (tmp_path / ".s3/env").stat().st_mode & 0o777 == 0o600
        elsewhere(tmp_path, "volant new x --data s3://volant/a.csv --text text --label label && dvc repro prepare@x")
    splits = [read_table(tmp_path / f"data/x/prepared/{name}.parquet") for name in ("train", "validation", "test")]
    assert {text for table in splits for text in table["text"].to_pylist()} == set(rows["text"].to_pylist())


def test_a_server_on_another_port_has_the_same_keys_and_tells_where_it_is(tmp_path: Path) -> None:
    copy_project(tmp_path)
    found = []
    for port in (free_port(), free_port()):
        with served(tmp_path, port):
            found.append(settings(tmp_path))
        assert found[-1].pop("AWS_ENDPOINT_URL") == f"http://127.0.0.1:{port}"
    assert found[0] == found[1]
    assert sorted(path.name for path in (tmp_path / ".s3").iterdir()) == [".gitignore", "data", "env"]
