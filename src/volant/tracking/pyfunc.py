"""A bundle as a standard MLflow model: MLflow runs this file (models from code), so that nothing is pickled.

`mlflow models serve -m models:/reviews@champion --env-manager local` answers `{"inputs": ["a text"]}` with it.
The version brings Volant's own code (`code_paths`), so no package index is asked for it.
Source: https://mlflow.org/docs/latest/ml/model/models-from-code/
"""

from pathlib import Path
from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from pandas import DataFrame

from volant.bundle.bundle import Bundle
from volant.kinds.answers import answer
from volant.tracking.model_input import texts_of

Params = dict[str, Any] | None
Row = dict[str, Any]


class Served(PythonModel):
    """Answers texts by the bundle that lies beside this file."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle: every file is checked first."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    # by a hint such as list[str] MLflow takes the first text column of a table; without any hint it warns
    def predict(self, context: PythonModelContext, model_input: DataFrame, params: Params = None) -> list[Row]:  # noqa: ARG002  # pyright: ignore[reportIncompatibleMethodOverride]
        """Answer each text as `volant predict --json` does."""
        annotations = self.bundle.predict(texts_of(model_input))
        return [answer(self.bundle.kind, annotation, best=None) for annotation in annotations]


set_model(Served())
