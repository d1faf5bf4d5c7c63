"""One study that several machines share: a real PostgreSQL server."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest

from support.sweeps import make_project, sweep
from volant.sweep.apply import apply


@pytest.mark.slow
def test_two_machines_share_a_study_and_a_third_goes_on(database: str, tables: Path, tmp_path: Path) -> None:
    machines = [make_project(tmp_path / name, tables) for name in ("first", "second", "third")]
    share = ["hydra.sweeper.sampler.seed=null", "hydra.sweeper.n_trials=2"]
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda root: sweep(root, *share, VOLANT_STUDY=database), machines[:2]))
    ended.append(sweep(machines[2], *share, VOLANT_STUDY=database))
    assert [machine.returncode for machine in ended] == [0, 0, 0], [machine.stderr for machine in ended]
    assert "hush" not in "".join(machine.stdout + machine.stderr for machine in ended)
    study = optuna.load_study(study_name="toy-linear", storage=database)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 6
    assert "6 trials" in ended[2].stdout + ended[2].stderr
    assert not list(machines[0].glob(".cache/sweeps/*.db"))


@pytest.mark.slow
def test_the_winner_is_applied_from_the_server(
    database: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOLANT_STUDY", database)
    root = make_project(tmp_path / "project", tables)
    assert sweep(root, "study=alone", "hydra.sweeper.n_trials=1", VOLANT_STUDY=database).returncode == 0
    applied = apply("toy", root=root, study="alone")
    best = optuna.load_study(study_name="alone", storage=database).best_trial
    assert applied.values == {"val_accuracy": best.value}
    assert str(best.params["flywheel.model.c"]) in (root / "conf/flywheel/toy.yaml").read_text()
