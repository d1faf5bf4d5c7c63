"""A project with one flywheel and an empty lake, under git and DVC; and datasets put there without `volant ingest`."""

from support.lake import project, template  # noqa: F401
