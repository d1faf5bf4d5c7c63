"""Cleaning: Volant compared with pandas + BeautifulSoup on the same rows and steps, in one run.

    VOLANT_MIRROR=FOLDER python bench/cleaning.py --rows 5000 [--json]

Both remove HTML and decode entities, repair Unicode, replace URLs and collapse white space. Every row of the two
results is compared. The peer is what a notebook does: one pandas column operation per step. It uses Volant's rule for
which `<` and `&` are markup, because BeautifulSoup alone loses text ("if a<b and c>d").
"""

import json
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import ftfy
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from bs4 import BeautifulSoup

from volant.cleaning import clean_batch, parse_steps
from volant.cleaning.html import BARE, BLOCKS, TEXTUAL
from volant.cleaning.placeholders import URL

STEPS = ["html", "unicode", "urls", "whitespace"]
TARGET = 5
NEW_LINES = frozenset(BLOCKS.split("|"))


def volant(texts: list[str]) -> list[str]:
    """Clean texts as the pipeline does: over an Arrow record batch."""
    steps = parse_steps(STEPS)
    batch = pa.RecordBatch.from_pydict({"text": texts})
    return clean_batch(batch, steps)[0]["text"].to_pylist()


def peer(texts: list[str]) -> list[str]:
    """Clean texts with pandas and BeautifulSoup."""
    column = pd.Series(texts, dtype=object).map(_soup)
    column = column.map(lambda text: ftfy.fix_text(text, unescape_html=False))
    column = column.str.replace(URL, "http", regex=True)
    return column.str.replace(r"\s+", " ", regex=True).str.strip().tolist()


def _soup(text: str) -> str:
    soup = BeautifulSoup(BARE.sub("&amp;", TEXTUAL.sub("&lt;", text)), "html.parser")
    for tag in soup(True):  # one search for all names: three searches take a third longer
        if tag.name in {"script", "style"}:
            tag.decompose()
        elif tag.name == "br":
            tag.replace_with("\n")
        elif tag.name in NEW_LINES:
            tag.insert_before("\n")
            tag.insert_after("\n")
    return soup.get_text()


def read(rows: int) -> tuple[list[str], str]:
    """Return rows of IMDb under `VOLANT_MIRROR`, else generated ones, and a description of their source."""
    path = Path(os.environ.get("VOLANT_MIRROR", "")) / "imdb" / "train.parquet"
    if "VOLANT_MIRROR" in os.environ and path.exists():
        return pq.read_table(path, columns=["text"]).slice(0, rows)["text"].to_pylist(), "IMDb, official train"
    return generate(rows), "generated here: VOLANT_MIRROR has no imdb/train.parquet"


def generate(rows: int) -> list[str]:
    """Return texts like film reviews: 260 words, with markup in 6 of 10, and non-ASCII characters in 1 of 10."""
    dice = random.Random(0)  # noqa: S311 - not a secret
    words = ["the", "film", "was", "good", "but", "slow", "I", "liked", "it", "and", "Tom", "at", "7.5"]
    markup = ["<br /><br />"] * 6 + [
        "<b>bold</b>",
        "a <3 for it",
        "Tom &amp; Jerry",
        "see http://example.com/a?b=1.",
    ]
    foreign = ["café", "naïve", "â€œquotedâ€\x9d"]

    def review() -> str:
        text = dice.choices(words, k=260)
        for extras, share, count in ((markup, 0.6, 6), (foreign, 0.1, 3)):
            for at in dice.sample(range(260), count if dice.random() < share else 0):
                text[at] = dice.choice(extras)
        return " ".join(text)

    return [review() for _ in range(rows)]


def timed(function: Callable[[list[str]], list[str]], texts: list[str]) -> tuple[float, list[str]]:
    """Return the seconds and the result of one pass."""
    start = time.perf_counter()
    result = function(texts)
    return time.perf_counter() - start, result


def main(
    rows: Annotated[int, typer.Option(help="Number of rows.")] = 5000,
    repeats: Annotated[int, typer.Option(help="Passes of each, interleaved; medians are reported.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Measure both, compare every row, and exit with 1 if they differ or the target is missed.

    Raises:
        typer.Exit: If a row differs or the target is missed.
    """
    texts, source = read(rows)
    functions = {"volant": volant, "pandas_beautifulsoup": peer}
    for function in functions.values():  # warm up: imports and caches are not measured
        function(texts[:200])
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    results: dict[str, list[str]] = {}
    for _ in range(repeats):
        for name, function in functions.items():
            spent, results[name] = timed(function, texts)
            seconds[name].append(spent)
    ours, theirs = results.values()
    unequal = [at for at, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    rates = {name: round(len(texts) / statistics.median(spent)) for name, spent in seconds.items()}
    ratio = round(rates["volant"] / rates["pandas_beautifulsoup"], 2)
    report = {
        "data": source, "rows": len(texts), "steps": STEPS, "repeats": repeats, "rows_per_second": rates,
        "ratio": ratio, "target": TARGET, "unequal_rows": len(unequal),
    }  # fmt: skip
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print(f"{len(texts):,} rows ({source}); {', '.join(STEPS)}; median of {repeats} interleaved passes")
        print(f"  volant                 {rates['volant']:>9,} rows/s")
        print(f"  pandas + BeautifulSoup {rates['pandas_beautifulsoup']:>9,} rows/s")
        print(f"  ratio {ratio} (target {TARGET}); rows that differ: {len(unequal)}")
        for at in unequal[:3]:
            print(f"  row {at}:\n    {ours[at]!r}\n    {theirs[at]!r}")
    if unequal or ratio < TARGET:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
