"""A source without rows of its own: every row comes from the datasets that `volant ingest` added to the lake."""

import pyarrow as pa
from pydantic import Field
from pydantic.dataclasses import dataclass

from volant.config import STRICT


@dataclass(frozen=True, config=STRICT)
class Ingested:
    """A source that reads nothing; `prepare` adds the rows of the lake, as for every source."""

    watch: dict[str, str] = Field(default_factory=dict)

    def read(self, kind: str) -> dict[str, pa.Table]:  # noqa: ARG002
        """Return no split."""
        return {}
