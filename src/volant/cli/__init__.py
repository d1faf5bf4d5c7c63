"""The `volant` command: verbs only, a file for each group of them."""

from volant.cli import models, projects, turns
from volant.cli.app import app

__all__ = ["app", "models", "projects", "turns"]
