"""What MLflow hands to a model, as a person's frames, series, arrays and requests bring it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from volant.tracking.model_input import texts_of


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("one", ["one"]),
        (["a", "b"], ["a", "b"]),
        (pd.DataFrame({"id": ["x1", "x2"], "text": ["a", "b"]}), ["a", "b"]),
        (pd.DataFrame({"id": [1, 2], "review": ["a", "b"]}), ["a", "b"]),
        (pd.Series(["a", "b"], name="review"), ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([["a"], ["b"]]), ["a", "b"]),
        ({"id": np.array(["x"]), "text": np.array(["a"])}, ["a"]),
        ([{"id": "x", "text": "a"}, {"id": "y", "text": "b"}], ["a", "b"]),
        (pd.DataFrame({"text": []}), []),
        (pd.DataFrame(), []),
        (pd.Series([], dtype=str), []),
        ([], []),
    ],
)
def test_texts_are_found(given: Any, texts: list[str]) -> None:
    assert texts_of(given) == texts


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pd.DataFrame({"id": ["x"], "review": ["a"]}), "'id', 'review', and 2 of them contain texts.*column 'text'"),
        (pd.DataFrame({"id": [1], "stars": [2]}), "none of them contains texts"),
        (pd.DataFrame({"text": ["a", None]}), "Row 2 of 2 is empty"),
        (pd.DataFrame({"text": ["a", float("nan")]}), "Row 2 of 2 is empty"),
        (pd.Series(["a", None]), "Row 2 of 2 is empty"),
        (pd.DataFrame({"text": [7, 8]}), "Row 1 of 2 is a value of the type int, not a text"),
        ([{"text": "a"}, {"id": "b"}], "Row 2 of 2 is empty"),
        (np.array([["a", "b"]]), r"the shape \(1, 2\)"),
        (7, "A value of the type int is given"),
    ],
)
def test_what_is_no_text_is_refused_in_words(given: Any, message: str) -> None:
    with pytest.raises(MlflowException, match=message) as refused:
        texts_of(given)
    assert refused.value.get_http_status_code() == 400


ALONE = """
import json, sys
sys.path = [path for path in sys.path if path != sys.argv[2]]  # this checkout is not there
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pandas.DataFrame({"id": ["a dull, awful film"], "text": ["the film was superb and lovely"]})
import volant
print(json.dumps([volant.__file__, model.predict(frame)[0]["label"]]))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("filled")
def test_a_version_brings_its_own_code(root: Path, tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    source = client.get_model_version("reviews", "1").run_id
    model = Path(client.download_artifacts(source or "", "model", str(tmp_path)))
    required = (model / "requirements.txt").read_text().splitlines()
    assert not [line for line in required if line.startswith("volant")]
    assert all("==" in line for line in required)
    import volant

    checkout = str(Path(volant.__file__).parents[1])
    command = [sys.executable, "-c", ALONE, str(model), checkout]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path, label = json.loads(done.stdout.splitlines()[-1])
    assert (Path(path).is_relative_to(model), label) == (True, "fresh")
