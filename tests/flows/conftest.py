"""A small project whose one flywheel has no source but what is ingested."""

from support.flywheels import composed, project  # noqa: F401
