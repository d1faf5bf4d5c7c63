"""A real server: BentoML serves a project with a registry in SQLite and versions of one tiny model."""

from support.collecting import bundle, s3, s3_keys, s3_started, state  # noqa: F401
from support.serving import made, project, server  # noqa: F401
