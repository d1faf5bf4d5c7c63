"""What the service may be told: limits, batching, capture, jobs, feedback, pages; `service.yaml` in the root."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT, validate
from volant.errors import VolantError

FILE = "service.yaml"
WORKERS = "VOLANT_WORKERS"  # how many processes answer
MIB = 1024 * 1024
Redaction = Literal["email", "phone", "url", "user"]


@dataclass(frozen=True, config=STRICT)
class Limits:
    """What a request may hold, what may wait for an answer and how long, how slow and how many clients may be."""

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
    """Texts of several requests that are answered together: by tokens, and how long the first one waits for others."""

    tokens: int = Field(default=4096, ge=1)
    wait_ms: float = Field(default=2, ge=0, le=1000)


@dataclass(frozen=True, config=STRICT)
class Capture:
    """Which share of answers is kept, without what; how many may wait to be written.

    Attributes:
        remember: Last answers, redacted, that feedback may name by their id; with 0 it has to bring the text.
    """

    percent: float = Field(default=100, ge=0, le=100)
    redact: list[Redaction] = Field(default_factory=lambda: ["email", "phone", "url", "user"])
    buffer: int = Field(default=10_000, ge=1)
    remember: int = Field(default=20_000, ge=0, le=1_000_000)
    flush_rows: int = Field(default=500, ge=1)
    flush_seconds: float = Field(default=5, gt=0)


@dataclass(frozen=True, config=STRICT)
class Jobs:
    """Where files of batch jobs may come from: `s3://` prefixes, uploads up to a size; how much is kept of a client.

    Attributes:
        line_characters: Of a line or row of such a file; a longer one ends the job.
        kept_bytes: Files and results of all jobs of one client, and of one job, that are kept at a time.
    """

    prefixes: list[str] = Field(default_factory=list)
    upload_bytes: int = Field(default=100 * MIB, ge=1)
    line_characters: int = Field(default=MIB, ge=1)
    kept_bytes: int = Field(default=1024 * MIB, ge=1)


@dataclass(frozen=True, config=STRICT)
class Feedback:
    """How much feedback one client may give, and how many clients must agree where nobody reviews it.

    Attributes:
        waiting_per_client: Feedback of one client that may wait for review.
    """

    per_client_per_minute: int = Field(default=60, ge=1)
    waiting_per_client: int = Field(default=1000, ge=1)
    quorum: int = Field(default=3, ge=1)


@dataclass(frozen=True, config=STRICT)
class Settings:
    """Everything; each value has a default, so that no file is needed.

    Attributes:
        hosts: Names under which browsers reach the service, beside IP addresses and `localhost`.
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
    """The settings of a project: the defaults, and what `service.yaml` says otherwise.

    Raises:
        VolantError: If a key is unknown or a value is not allowed; names the key, what is allowed, the nearest name.
    """
    path = root / FILE
    if not path.is_file():
        return Settings()
    try:
        tree: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VolantError(f"{path} is no YAML: {error}. Mend it, or remove it: everything has a default.") from error
    try:
        return validate(Settings, tree, "")
    except VolantError as error:
        # config names the file under conf/ that most keys come from; these come from here
        raise VolantError("\n".join(f"{FILE}:{line.partition(':')[2]}" for line in str(error).splitlines())) from error
