"""The options of every verb that reads a file: the same names mean the same everywhere."""

from typing import Annotated

import typer

Encoding = Annotated[
    str | None, typer.Option(help="Encoding, as an order; else byte-order mark, UTF-8, the source's own.")
]
Delimiter = Annotated[str | None, typer.Option(help="Between the cells of a row; found if left out.")]
Quote = Annotated[str | None, typer.Option(help='Around a cell, " if left out; none: quotes are ordinary characters.')]
Escape = Annotated[str | None, typer.Option(help="Before a quote inside of a cell, as Spark writes \\; found.")]
Header = Annotated[str | None, typer.Option(help="Names of the columns, such as text,label, if the file has none.")]
Where = Annotated[
    list[str] | None, typer.Option(help="Only rows with these values, such as answer=accept; may be repeated.")
]
FileFormat = Annotated[
    str | None, typer.Option("--format", help="lines, csv, tsv, jsonl, json or parquet; found if left out.")
]
