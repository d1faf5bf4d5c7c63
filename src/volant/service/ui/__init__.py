"""Pages for people: a process of its own beside the service, and a client of its API like any other.

The workers begin it (`beside`) and pass requests under `/ui` on to it (`proxy`); they never import Gradio or MLflow.
"""
