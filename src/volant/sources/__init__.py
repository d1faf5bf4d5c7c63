"""The sources of labelled text: one frozen dataclass each, named in config by `_target_`.

Every source gives the same rows (`id`, `text`, the kind's column, extra columns), so nothing after `prepare`
knows which it was. To add one: a file here with a class that has `read` and `watch`, and its
`conf/source/<name>.yaml`.
"""

from typing import Protocol

import pyarrow as pa


class Source(Protocol):
    """A source of labelled text."""

    @property
    def watch(self) -> dict[str, str]:
        """Paths (`train`, `test`) whose bytes decide whether DVC reads the source again."""
        ...

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Return rows by split: `train`, and `validation` and `test` if the source publishes them.

        Raises:
            VolantError: If something that the user named is missing or can't be read.
        """
        ...
