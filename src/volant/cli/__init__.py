"""The `volant` command: verbs only, a file for each group of them."""

from volant.cli import advice, batches, data, feedback, models, projects, registry, serving, turns
from volant.cli.app import app

__all__ = ["advice", "app", "batches", "data", "feedback", "models", "projects", "registry", "serving", "turns"]
