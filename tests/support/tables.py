"""A file as a table, as a flywheel's source reads it."""

import pyarrow as pa

from volant.sources.files import read_sheet_of
from volant.sources.formats import Format


def read_file(path: str, form: Format | None = None) -> pa.Table:
    return read_sheet_of(path, form or Format()).table
