"""A project with a lake, beside the service of all these tests."""

from support.lake import project, template  # noqa: F401
