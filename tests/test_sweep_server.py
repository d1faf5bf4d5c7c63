"""One study that several machines share: a real PostgreSQL server."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest

from projects import free_port
from sweeps import make_project, sweep
from volant.sweep.apply import apply

# Debian keeps what only a server's owner runs out of PATH.
PLACES = os.pathsep.join([os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin")))])
INITDB = shutil.which("initdb", path=PLACES)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of an empty database, on a server of this test's own; root has to run it as somebody else."""
    if not INITDB:
        pytest.skip("needs PostgreSQL's initdb (Debian: apt-get install postgresql)")
    owner = "postgres" if os.geteuid() == 0 else None
    folder, port = Path(tempfile.mkdtemp()), free_port()
    if owner:
        shutil.chown(folder, owner)
    with tempfile.NamedTemporaryFile("w", delete=False) as secret:
        secret.write("hush")
    os.chmod(secret.name, 0o644)
    start = [INITDB, "-D", str(folder), "-U", "volant", "-A", "scram-sha-256", "--pwfile", secret.name]
    subprocess.run(start, user=owner, cwd=folder, check=True, capture_output=True)
    command = [str(Path(INITDB).with_name("postgres")), "-D", str(folder), "-p", str(port), "-k", str(folder)]
    process = subprocess.Popen(command, user=owner, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        yield ready(f"postgresql://volant:hush@127.0.0.1:{port}/postgres")
    finally:
        process.send_signal(signal.SIGINT)  # a fast end; to the other it waits for every client to go
        process.wait()
        shutil.rmtree(folder)
        Path(secret.name).unlink()


def ready(url: str) -> str:
    """The same URL, once the server answers."""
    import psycopg

    for _ in range(100):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return url
    raise TimeoutError(url)


@pytest.mark.slow
def test_two_machines_share_a_study_and_a_third_goes_on(server: str, tmp_path: Path) -> None:
    machines = [make_project(tmp_path / name) for name in ("first", "second", "third")]
    share = ["hydra.sweeper.sampler.seed=null", "hydra.sweeper.n_trials=2"]
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda root: sweep(root, *share, VOLANT_STUDY=server), machines[:2]))
    ended.append(sweep(machines[2], *share, VOLANT_STUDY=server))
    assert [machine.returncode for machine in ended] == [0, 0, 0], [machine.stderr for machine in ended]
    assert "hush" not in "".join(machine.stdout + machine.stderr for machine in ended)
    study = optuna.load_study(study_name="toy-linear", storage=server)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 6
    assert "6 trials" in ended[2].stdout + ended[2].stderr
    assert not list(machines[0].glob(".cache/sweeps/*.db"))


@pytest.mark.slow
def test_the_winner_is_applied_from_the_server(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLANT_STUDY", server)
    root = make_project(tmp_path / "project")
    assert sweep(root, "study=alone", "hydra.sweeper.n_trials=1", VOLANT_STUDY=server).returncode == 0
    applied = apply("toy", root=root, study="alone")
    best = optuna.load_study(study_name="alone", storage=server).best_trial
    assert applied.values == {"val_accuracy": best.value}
    assert str(best.params["flywheel.model.c"]) in (root / "conf/flywheel/toy.yaml").read_text()
