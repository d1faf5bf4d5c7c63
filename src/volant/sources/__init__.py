"""Where labelled text comes from: one frozen dataclass a source, named in config by `_target_`.

Every source gives the same rows (`id`, `text`, the kind's column, riders), so nothing after `prepare`
knows which it was. To add one: a file here with a class that has `read` and `watch`, and its
`conf/source/<name>.yaml`.
"""

from typing import Protocol

import pyarrow as pa


class Source(Protocol):
    """What every source can do."""

    @property
    def watch(self) -> dict[str, str]:
        """Paths (`train`, `test`) whose bytes decide whether DVC reads the source again."""
        ...

    def read(self, kind: str) -> dict[str, pa.Table]:
        """Rows by split: `train`, and `validation` and `test` where the source publishes them.

        Raises:
            VolantError: If something that the user named is missing or can't be read.
        """
        ...
