"""The folds are those of scikit-learn, so that the same rows get the same advice."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from volant.flywheel.advice.folds import folds


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("seed", range(40))
def test_folds_are_those_of_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(30, 150))
    units = random.integers(0, rows // 2, rows)
    groups = random.integers(0, 1 + seed % 6, rows)
    cutter = StratifiedGroupKFold(n_splits=4, shuffle=True, random_state=seed)
    wanted = [held.tolist() for _, held in cutter.split(np.zeros(rows), groups, units)]
    assert [fold.tolist() for fold in folds(units, groups, 4, seed)] == wanted
