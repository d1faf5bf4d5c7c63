"""The `volant` command: verbs only, a file for each group of them."""

from volant.cli import data, iterate, predict, project, service, versions
from volant.cli.app import app

__all__ = ["app", "data", "iterate", "predict", "project", "service", "versions"]
