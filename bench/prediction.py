"""Predictions per second: a bundle compared with `transformers.pipeline`, on the same model, texts and machine.

    python bench/prediction.py [--texts 400] [--json]

Both run the packaged MiniLM with a classification head on reviews of data/reviews (which `make run` leaves): one text
at a time, 32 per call, and all in one call, which the pipeline computes in batches of 32. The time of the bundle
includes cleaning, calibration and decoding. It is measured in fp32 and in int8, with the ratio of their sizes.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from minilm import unpacked
from serving import bundle
from volant.bundle.bundle import Bundle
from volant.workspace.files import read_table

REPEATS = 9


def rate(answer: Callable[[Sequence[str]], Any], texts: Sequence[str], size: int) -> float:
    """Return texts per second.

    Args:
        answer: Function that predicts texts.
        texts: The texts.
        size: Number of texts per call.
    """
    start = time.perf_counter()
    for at in range(0, len(texts), size):
        answer(texts[at : at + size])
    return len(texts) / (time.perf_counter() - start)


def main() -> None:
    """Time all in turn, nine times, and print the medians of the rates and of the ratios within each round."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts = read_table(Path("data/reviews/clean/test.parquet"), ["text"])["text"].to_pylist()[: arguments.texts]
    encoder = unpacked()
    peer_model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
    peer: Any = pipeline("text-classification", model=peer_model, tokenizer=AutoTokenizer.from_pretrained(encoder))
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: bundle("minilm", Path(temporary) / name, name) for name in ("fp32", "int8")}
        sizes = {precision: next(folder.glob("*.onnx")).stat().st_size for precision, folder in folders.items()}
        runs: Mapping[str, Callable[[Sequence[str]], Any]] = {
            "pipeline": lambda batch: peer(list(batch), batch_size=32, truncation=True)
        } | {f"volant_{precision}": Bundle.load(folder).predict for precision, folder in folders.items()}
        figures: dict[str, Any] = {"texts": len(texts), "int8_size_share": round(sizes["int8"] / sizes["fp32"], 3)}
        for size, title in ((1, "one_at_a_time"), (32, "batches_of_32"), (len(texts), "all_in_one_call")):
            rates: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(REPEATS):
                for name, answer in runs.items():
                    rates[name].append(rate(answer, texts, size))
            medians = {name: median(values) for name, values in rates.items()}
            # within each round, since the speed of a shared machine changes during the run
            ratios = {name: np.array(values) / rates["pipeline"] for name, values in rates.items()}
            figures[title] = {name: round(value, 1) for name, value in medians.items()}
            del ratios["pipeline"]
            figures[title] |= {f"{name}_ratio": round(float(np.median(ratio)), 2) for name, ratio in ratios.items()}
    print(json.dumps(figures, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
