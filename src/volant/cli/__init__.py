"""The `volant` command: verbs only, a file for each group of them."""

from volant.cli import advice, data, models, projects, registry, turns
from volant.cli.app import app

__all__ = ["advice", "app", "data", "models", "projects", "registry", "turns"]
