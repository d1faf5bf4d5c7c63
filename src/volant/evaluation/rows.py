"""The test rows that a bundle is evaluated on."""

import logging
from typing import TYPE_CHECKING

import pyarrow as pa

from volant.errors import VolantError

if TYPE_CHECKING:
    from volant.bundle.bundle import Bundle

log = logging.getLogger(__name__)


def served_rows(prepared: pa.Table, clean: pa.Table) -> pa.Table:
    """Return the prepared rows that cleaning did not drop: the bundle cleans their raw text itself, as in service.

    Gold spans then refer to the raw text, as predicted spans do.

    Args:
        prepared: Test rows before cleaning.
        clean: Test rows after it.

    Raises:
        VolantError: If a clean row has no prepared row.
    """
    places = {key: row for row, key in enumerate(prepared.column("id").to_pylist())}
    keys = clean.column("id").to_pylist()
    if missing := [key for key in keys if key not in places]:
        raise VolantError(
            f"{len(missing)} of the clean test rows are not among the prepared ones, such as id '{missing[0]}'. "
            "The two files come from different runs. Make both again with `dvc repro`."
        )
    raw = prepared.take([places[key] for key in keys])
    for name in raw.column_names:
        clean = clean.set_column(clean.column_names.index(name), name, raw.column(name))
    return clean


def answerable(bundle: "Bundle", test: pa.Table) -> pa.Table:
    """Return the rows whose labels the bundle has: TEST rows can have new labels before any TRAIN row has them."""
    label_set = set(bundle.labels)
    gold = [set(bundle.kind.labels_of(a)) for a in bundle.kind.gold(test)]
    unknown = sorted(set().union(*gold) - label_set)
    if not unknown:
        return test
    mask = [labels <= label_set for labels in gold]
    log.warning(
        "%d test rows are excluded: this bundle was not trained on their labels (%s). Ingest TRAIN rows with them.",
        mask.count(False),
        ", ".join(unknown[:10]),
    )
    return test.filter(pa.array(mask))
