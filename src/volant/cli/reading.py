"""The options of every command that reads a file: the same names mean the same everywhere."""

from typing import Annotated

import typer

Encoding = Annotated[str | None, typer.Option(help="Encoding; else byte-order mark, UTF-8, the source's own.")]
Delimiter = Annotated[str | None, typer.Option(help="Delimiter between cells; detected by default.")]
Quote = Annotated[str | None, typer.Option(help='Quote character; " by default; none: quotes are ordinary characters.')]
Escape = Annotated[
    str | None,
    typer.Option(help="Escape character before a quote inside a cell, as Spark writes \\; detected by default."),
]
Documents = Annotated[
    str | None, typer.Option(help="File or folder of the documents that Amazon Comprehend's annotations are about.")
]
Header = Annotated[str | None, typer.Option(help="Column names, such as text,label, if the file has no header row.")]
Where = Annotated[
    list[str] | None, typer.Option(help="Only rows with these values, such as answer=accept; may be repeated.")
]
FileFormat = Annotated[
    str | None, typer.Option("--format", help="lines, csv, tsv, jsonl, json, conll or parquet; detected by default.")
]
