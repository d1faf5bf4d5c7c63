"""The `volant` command: commands only, one file for each topic."""

from volant.cli import data, iterate, predict, project, service, versions
from volant.cli.app import app

__all__ = ["app", "data", "iterate", "predict", "project", "service", "versions"]
