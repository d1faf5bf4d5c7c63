"""A project with a lake, a bundle, and a real S3 server."""

from support.collecting import bundle, s3, s3_keys, s3_started, state  # noqa: F401
from support.lake import project, template  # noqa: F401
