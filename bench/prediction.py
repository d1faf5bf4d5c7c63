"""Predictions a second: a bundle beside `transformers.pipeline`, on the same weights, texts and machine.

    python bench/prediction.py [--texts 400] [--json]

Both run the packaged MiniLM with the same classification head on reviews of data/reviews (what `make run` leaves),
one text at a time and in batches of 32. Both graphs, fp32 and int8, are timed for Volant, and the share of the size.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from volant.models.neural.encoders import TransformerEncoder
from volant.models.neural.export import export
from volant.models.neural.heads import Net, TextHead
from volant.models.transformer import load_encoder, packaged_minilm
from volant.runtime import load
from volant.schema import read_table

REPEATS = 3


def rate(answer: Callable[[Sequence[str]], Any], texts: Sequence[str], size: int) -> float:
    """Texts a second in calls of `size`."""
    start = time.perf_counter()
    for at in range(0, len(texts), size):
        answer(texts[at : at + size])
    return len(texts) / (time.perf_counter() - start)


def main() -> None:
    """Time all in turn, three times, and print medians and ratios."""
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
    encoder, tokenizer = load_encoder("minilm", None, None)
    torch.manual_seed(0)
    net = Net(TransformerEncoder(encoder), TextHead(384, 2, 0.0, None), "mean").eval()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fp32, int8 = export(net, tokenizer, 128, folder)
        sizes = [(folder / r["model"]).stat().st_size for r in (fp32, int8)]
        runs: dict[str, Callable[[Sequence[str]], Any]] = {
            "pipeline": lambda some: peer(list(some), batch_size=32, truncation=True),
            "volant_fp32": load(folder, fp32).logits,
            "volant_int8": load(folder, int8).logits,
        }
        found: dict[str, Any] = {"texts": len(texts), "int8_size_share": round(sizes[1] / sizes[0], 3)}
        for size, title in ((1, "one_at_a_time"), (32, "batches_of_32")):
            rates: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(REPEATS):
                for name, answer in runs.items():
                    rates[name].append(rate(answer, texts, size))
            medians = {name: median(values) for name, values in rates.items()}
            ratios = {f"{n}_ratio": round(medians[n] / medians["pipeline"], 2) for n in runs if n != "pipeline"}
            found[title] = {**{n: round(v, 1) for n, v in medians.items()}, **ratios}
    print(json.dumps(found, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
