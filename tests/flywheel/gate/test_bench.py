"""The bounds that `bench/gate.py` shows over 1,000 iterations, on a few: with the very functions of the gate."""

import importlib.util
import sys
from types import ModuleType

import pytest

from support.projects import ROOT


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_gate", ROOT / "bench/gate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_gate"] = module
    spec.loader.exec_module(module)
    return module


def test_the_simulation_decides_as_the_gate_does(bench: ModuleType) -> None:
    assert bench.agreement(12) == 0


@pytest.mark.parametrize("renewed", [False, True])
@pytest.mark.parametrize("name", ["each 0.002 below the active", "active + N(-0.005, 0.01)"])
def test_small_losses_never_add_up(bench: ModuleType, name: str, renewed: bool) -> None:
    case = bench.simulate(name, 359, renewed, 200, 8)
    assert case.broken == 0
    assert case.fall <= 0.01 + 1e-9


def test_what_is_better_passes_and_what_is_far_worse_does_not(bench: ModuleType) -> None:
    assert bench.power(1000, 0.02, 150)[1] >= 0.9
    assert bench.power(100, -0.05, 150)[1] < 0.01
