"""A bundle as a standard MLflow model: MLflow runs this file (models from code), so that nothing is pickled.

`mlflow models serve -m models:/reviews@champion --env-manager local` answers `{"inputs": ["a text"]}` with it.
Source: https://mlflow.org/docs/latest/ml/model/models-from-code/
"""

from pathlib import Path

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from volant.batch import answer
from volant.bundle import Bundle


class Served(PythonModel):
    """Answers texts by the bundle that lies beside this file."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle: every file is checked first."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    # MLflow reads the type hints: texts are checked by them, and answers, which differ by kind, need none
    def predict(self, context: PythonModelContext, model_input: list[str]):  # noqa: ANN201, ARG002  # pyright: ignore[reportIncompatibleMethodOverride]
        """An answer for each text, as `volant predict --json` gives it."""
        return [answer(self.bundle, annotation, all_scores=True) for annotation in self.bundle.predict(model_input)]


set_model(Served())
