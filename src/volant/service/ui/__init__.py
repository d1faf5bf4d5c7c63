"""The web UI: a separate process beside the service, and a client of its API like any other.

The workers start it (`process`) and pass requests under `/ui` on to it (`proxy`); they never import Gradio or MLflow.
"""
