"""The test rows that a bundle is evaluated on."""

import logging
from typing import TYPE_CHECKING

import pyarrow as pa

from volant.errors import VolantError

if TYPE_CHECKING:
    from volant.bundle.bundle import Bundle

log = logging.getLogger(__name__)


def served_rows(prepared: pa.Table, clean: pa.Table) -> pa.Table:
    """Return the rows that cleaning kept, as they were before: the bundle cleans their raw text itself, as in service.

    Gold that names parts of a text does so in the raw text, as predictions do.

    Args:
        prepared: Test rows before cleaning.
        clean: Test rows after it.

    Raises:
        VolantError: If a clean row has no prepared row.
    """
    places = {key: row for row, key in enumerate(prepared.column("id").to_pylist())}
    wanted = clean.column("id").to_pylist()
    if lost := [key for key in wanted if key not in places]:
        raise VolantError(
            f"{len(lost)} of the clean test rows are not among the prepared ones, such as id '{lost[0]}'. "
            "One of the two is of another run: make both again with `dvc repro`."
        )
    raw = prepared.take([places[key] for key in wanted])
    for name in raw.column_names:
        clean = clean.set_column(clean.column_names.index(name), name, raw.column(name))
    return clean


def answerable(bundle: "Bundle", test: pa.Table) -> pa.Table:
    """Return the rows whose labels the bundle has: TEST rows can have new labels before any TRAIN row has them."""
    known = set(bundle.labels)
    held = [set(bundle.kind.labels_of(a)) for a in bundle.kind.gold(test)]
    foreign = sorted(set().union(*held) - known)
    if foreign:
        kept = [labels <= known for labels in held]
        log.warning(
            "%d test rows are left out: this bundle was not taught their labels (%s). Ingest TRAIN rows of those.",
            kept.count(False),
            ", ".join(foreign[:10]),
        )
        return test.filter(pa.array(kept))
    return test
