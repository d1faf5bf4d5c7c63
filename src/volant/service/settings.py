"""Settings of the service: limits, batching, capture, jobs, feedback, web UI; from `service.yaml` in the root."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT, validate
from volant.errors import VolantError

FILE = "service.yaml"
WORKERS = "VOLANT_WORKERS"  # number of worker processes
MIB = 1024 * 1024
Redaction = Literal["email", "phone", "url", "user"]


@dataclass(frozen=True, config=STRICT)
class Limits:
    """Limits on requests, on the queue of texts, and on slow or numerous clients."""

    texts_per_request: int = Field(default=1000, ge=1)
    characters_per_text: int = Field(default=20_000, ge=1)
    body_bytes: int = Field(default=10 * MIB, ge=1024)
    queue_texts: int = Field(default=4096, ge=1)
    queue_seconds: float = Field(default=10, gt=0)
    idle_seconds: float = Field(default=30, gt=0)
    body_seconds: float = Field(default=60, gt=0)
    header_seconds: float = Field(default=10, gt=0)
    header_bytes: int = Field(default=32 * 1024, ge=1024)
    connections: int = Field(default=1000, ge=1)
    connections_per_client: int = Field(default=250, ge=1)


@dataclass(frozen=True, config=STRICT)
class Batching:
    """Dynamic batching: maximum tokens per batch, and how long the first text waits for others."""

    tokens: int = Field(default=4096, ge=1)
    wait_ms: float = Field(default=2, ge=0, le=1000)


@dataclass(frozen=True, config=STRICT)
class Capture:
    """Capture of predictions: the sampled share, the redaction, and the buffer.

    Attributes:
        remember: Number of recent predictions, redacted, that feedback may refer to by id; with 0 it must include the
            text.
    """

    percent: float = Field(default=100, ge=0, le=100)
    redact: list[Redaction] = Field(default_factory=lambda: ["email", "phone", "url", "user"])
    buffer: int = Field(default=10_000, ge=1)
    remember: int = Field(default=20_000, ge=0, le=1_000_000)
    flush_rows: int = Field(default=500, ge=1)
    flush_seconds: float = Field(default=5, gt=0)


@dataclass(frozen=True, config=STRICT)
class Jobs:
    """Batch jobs: allowed `s3://` prefixes, size of uploads, and storage per client.

    Attributes:
        line_characters: Maximum number of characters of a line or row of a file; a longer one ends the job.
        kept_bytes: Maximum size of the files and results of one job, and of all jobs of one client.
    """

    prefixes: list[str] = Field(default_factory=list)
    upload_bytes: int = Field(default=100 * MIB, ge=1)
    line_characters: int = Field(default=MIB, ge=1)
    kept_bytes: int = Field(default=1024 * MIB, ge=1)


@dataclass(frozen=True, config=STRICT)
class Feedback:
    """Feedback: maximum per client, and the number of clients that must agree without a review.

    Attributes:
        waiting_per_client: Maximum feedback of one client that waits for review.
    """

    per_client_per_minute: int = Field(default=60, ge=1)
    waiting_per_client: int = Field(default=1000, ge=1)
    quorum: int = Field(default=3, ge=1)


@dataclass(frozen=True, config=STRICT)
class Settings:
    """All settings; each has a default, so that no file is needed.

    Attributes:
        hosts: Names under which browsers reach the service, in addition to IP addresses and `localhost`.
    """

    limits: Limits = Field(default_factory=Limits)
    batching: Batching = Field(default_factory=Batching)
    follow_seconds: float = Field(default=2, gt=0)
    capture: Capture = Field(default_factory=Capture)
    jobs: Jobs = Field(default_factory=Jobs)
    feedback: Feedback = Field(default_factory=Feedback)
    ui: bool = True
    hosts: list[str] = Field(default_factory=list)


def load(root: Path = Path()) -> Settings:
    """Return the settings of a project: the defaults, overridden by `service.yaml`.

    Raises:
        VolantError: If a key is unknown or a value is not allowed; the message names the key, the allowed values and
            the nearest name.
    """
    path = root / FILE
    if not path.is_file():
        return Settings()
    try:
        tree: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VolantError(
            f"{path} is not valid YAML: {error}. Fix it, or remove it: everything has a default."
        ) from error
    try:
        return validate(Settings, tree, "")
    except VolantError as error:
        # other settings come from files under conf/; these come from service.yaml
        raise VolantError("\n".join(f"{FILE}:{line.partition(':')[2]}" for line in str(error).splitlines())) from error
