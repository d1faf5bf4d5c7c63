"""Predictions a second: a bundle beside `transformers.pipeline`, on the same model, texts and machine.

    python bench/prediction.py [--texts 400] [--json]

Both run the packaged MiniLM with a classification head on reviews of data/reviews (what `make run` leaves), one text
at a time, 32 a call, and all in one call, which the pipeline computes in batches of 32. The bundle does all that it
does anywhere: it cleans, computes, calibrates, decodes. It is timed in fp32 and in int8, with the share of the size.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from serving import bundle
from volant.bundle.bundle import Bundle
from volant.models.fine_tuning import packaged_minilm
from volant.workspace.files import read_table

REPEATS = 9


def rate(answer: Callable[[Sequence[str]], Any], texts: Sequence[str], size: int) -> float:
    """Texts a second in calls of `size`."""
    start = time.perf_counter()
    for at in range(0, len(texts), size):
        answer(texts[at : at + size])
    return len(texts) / (time.perf_counter() - start)


def main() -> None:
    """Time all in turn, nine times, and print medians of the rates, and of each turn's ratios."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts = read_table(Path("data/reviews/clean/test.parquet"), ["text"])["text"].to_pylist()[: arguments.texts]
    peer_model = AutoModelForSequenceClassification.from_pretrained(packaged_minilm(), num_labels=2)
    peer: Any = pipeline(
        "text-classification", model=peer_model, tokenizer=AutoTokenizer.from_pretrained(packaged_minilm())
    )
    with tempfile.TemporaryDirectory() as temporary:
        made = {precision: bundle("minilm", Path(temporary) / precision, precision) for precision in ("fp32", "int8")}
        sizes = {precision: next(folder.glob("*.onnx")).stat().st_size for precision, folder in made.items()}
        runs: Mapping[str, Callable[[Sequence[str]], Any]] = {
            "pipeline": lambda some: peer(list(some), batch_size=32, truncation=True)
        } | {f"volant_{precision}": Bundle.load(folder).predict for precision, folder in made.items()}
        found: dict[str, Any] = {"texts": len(texts), "int8_size_share": round(sizes["int8"] / sizes["fp32"], 3)}
        for size, title in ((1, "one_at_a_time"), (32, "batches_of_32"), (len(texts), "all_in_one_call")):
            rates: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(REPEATS):
                for name, answer in runs.items():
                    rates[name].append(rate(answer, texts, size))
            medians = {name: median(values) for name, values in rates.items()}
            # of each turn, since the speed of a shared machine changes within the run
            turns = {n: [ours / peers for ours, peers in zip(rates[n], rates["pipeline"], strict=True)] for n in runs}
            ratios = {f"{n}_ratio": round(median(turns[n]), 2) for n in runs if n != "pipeline"}
            found[title] = {**{n: round(v, 1) for n, v in medians.items()}, **ratios}
    print(json.dumps(found, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
