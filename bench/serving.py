"""Requests per second over HTTP: Volant compared with `mlflow models serve` and FastAPI with a `transformers.pipeline`.

The pipeline is served twice: with its defaults, as its documentation shows, and in batches of 32.

    python bench/serving.py [--seconds 10] [--rounds 3] [--json]

All serve the packaged MiniLM with a classification head, and get the same reviews (the clean test texts that `make run`
leaves in data/reviews) over 1 and over 16 connections, with 1 and with 32 texts per request. The servers are measured
in turn; the medians of the rounds are printed. The limit is measured in the same rounds: tokenizers and ONNX Runtime
alone, without HTTP, one text at a time and in sorted batches of 16. Volant is served as a package (`volant package`).
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from load import load, running
from minilm import unpacked
from volant import config
from volant.bundle.bundle import Bundle
from volant.config import Flywheel
from volant.models import packing
from volant.stages.train import train
from volant.workspace.files import read_table, write_table

DATA = Path("data/reviews/clean")
CLEANING = ["html", "unicode", "control", "urls", "whitespace"]  # as flywheel reviews has it
CASES = ((1, 1), (16, 1), (1, 32), (16, 32))  # connections, texts per request
PEER = """
from fastapi import FastAPI
from transformers import pipeline
app, answer = FastAPI(), pipeline("text-classification", model={model!r}, **{options})

@app.post("/predict")
def predict(body: dict[str, list[str]]) -> list[dict]:
    return answer(body["texts"], truncation=True)
"""
MODELS = {
    "minilm": {
        "_target_": "volant.models.transformer.Transformer",
        "family": "transformer",
        "trainable": "head",
        "pooling": "cls",  # as the pipeline does
        "training": {"num_train_epochs": 2, "progress": False},
    },
    "linear": {"_target_": "volant.models.linear.Linear", "family": "linear"},
}


def bundle(name: str, work: Path, precision: str = "int8") -> Path:
    """Train a bundle on a few rows, as its accuracy does not matter here, and return its folder.

    Args:
        name: Name of the model in `MODELS`.
        work: Folder of the data and the bundle.
        precision: `fp32` or `int8`.
    """
    for split, rows in (("train", 1200), ("validation", 300)):
        write_table(read_table(DATA / f"{split}.parquet").slice(0, rows), work / name / "data" / f"{split}.parquet")
    tree = {"kind": "classify", "description": "a bench", "source": {}, "cleaning": CLEANING, "seed": 1}
    flywheel = config.validate(Flywheel, {**tree, "metric": "macro_f1", "model": MODELS[name]}, "flywheel")
    # with so few rows, a single different prediction could select fp32
    packing.choose = lambda scores, *_: len(scores) - 1 if precision == "int8" else 0
    train(name, flywheel, work / name / "data", work / name / "bundle", work / name / "work")
    return work / name / "bundle"


@dataclass(frozen=True)
class Server:
    """A server.

    Attributes:
        command: Arguments of the Python interpreter that start it.
        ready: Path that responds once it is ready.
        path: Path that predicts.
        body: Function that returns the JSON body of a request for texts.
    """

    command: Sequence[str]
    ready: str
    path: str
    body: Callable[[Sequence[str]], Any]


def volant(work: Path) -> Server:
    """Return a packaged service of both bundles."""
    from volant.service.package import pack

    (work / "service.yaml").write_text("ui: false\n")  # the peers have no web UI either
    packed = pack({name: (bundle(name, work), "1") for name in MODELS}, work)
    command = ["-m", "bentoml", "serve", packed.tag]
    return Server(command, "readyz", "predict", lambda texts: {"texts": texts, "model": "minilm"})


def mlflow(work: Path) -> Server:
    """Return MLflow's server of a pipeline of `transformers`."""
    from mlflow.transformers import save_model
    from transformers import pipeline

    save_model(pipeline("text-classification", model=str(peer(work))), str(work / "mlflow"), pip_requirements=[])
    command = ["-m", "mlflow", "models", "serve", "-m", str(work / "mlflow"), "--env-manager", "local"]
    return Server(command, "ping", "invocations", lambda texts: {"inputs": list(texts)})


def fastapi(work: Path, name: str, **options: int) -> Server:
    """Return a server of a pipeline behind one route, in FastAPI's threads: `async def` was slower.

    Args:
        work: Folder of the module.
        name: Name of the module.
        options: Arguments of the pipeline.
    """
    (work / f"{name}.py").write_text(PEER.format(model=str(peer(work)), options=options))
    command = ["-m", "uvicorn", f"{name}:app", "--log-level", "warning"]
    return Server(command, "openapi.json", "predict", lambda texts: {"texts": list(texts)})


def peer(work: Path) -> Path:
    """Save the packaged MiniLM with a head, as `transformers` does, and return its folder."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = work / "peer"
    if not folder.exists():
        encoder = unpacked()
        AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2).save_pretrained(folder)
        AutoTokenizer.from_pretrained(encoder, model_max_length=128).save_pretrained(folder)
    return folder


def bare(folder: Path, texts: Sequence[str], size: int) -> float:
    """Return texts per second of tokenizers and ONNX Runtime on the bundle's graph: the limit of any server.

    Args:
        folder: Folder of the bundle.
        texts: The texts.
        size: Number of texts per batch.
    """
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding()
    session = InferenceSession(str(next(folder.glob("*.onnx"))), providers=["CPUExecutionProvider"])
    start = time.perf_counter()
    if size > 1:
        texts = sorted(texts, key=len)
    for at in range(0, len(texts), size):
        batch = tokenizer.encode_batch(list(texts[at : at + size]))
        ids = np.array([encoding.ids for encoding in batch])
        mask = np.array([encoding.attention_mask for encoding in batch])
        session.run(None, {"input_ids": ids, "attention_mask": mask})
    return len(texts) / (time.perf_counter() - start)


def busy(process: psutil.Process) -> float:
    """Return the seconds of CPU that a server and its children have used."""
    processes = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def main() -> None:
    """Start all servers, measure them in turn, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="duration of each case and server in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    texts = read_table(DATA / "test.parquet", ["text"])["text"].to_pylist()[:960]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        work = Path(folder)
        os.environ |= {"BENTOML_HOME": str(work / "bentoml"), "BENTOML_DO_NOT_TRACK": "True", "HF_HUB_OFFLINE": "1"}
        servers = {
            "volant": volant(work),
            "mlflow": mlflow(work),
            "fastapi": fastapi(work, "fastapi_plain"),
            "fastapi_batches": fastapi(work, "fastapi_batches", batch_size=32),
        }
        figures: dict[str, Any] = {}
        started = {name: stack.enter_context(running(s.command, work, s.ready)) for name, s in servers.items()}
        for _ in range(arguments.rounds):
            for connections, size in CASES:
                case = figures.setdefault(f"{connections}x{size}", {})
                parts = [texts[at : at + size] for at in range(0, len(texts), size)]
                for name, (port, process) in started.items():
                    bodies = [servers[name].body(part) for part in parts]
                    url = f"http://127.0.0.1:{port}/{servers[name].path}"
                    load(url, bodies, connections, arguments.seconds / 10)
                    before = busy(process)
                    result = load(url, bodies, connections, arguments.seconds)
                    cost = (busy(process) - before) / result.requests / size * 1000
                    case.setdefault(name, []).append(result.to_json(size) | {"cpu_ms_per_text": cost})
            port = started["volant"][0]
            bodies = [{"texts": [text], "model": "linear"} for text in texts]
            linear = load(f"http://127.0.0.1:{port}/predict", bodies, 16, arguments.seconds).to_json(1)
            figures.setdefault("linear_16x1", {}).setdefault("volant", []).append(linear)
            minilm = work / "minilm" / "bundle"
            limit = {f"bare_{size}": bare(minilm, texts[:480], size) for size in (1, 16)}
            ours = Bundle.load(minilm)
            start = time.perf_counter()
            ours.predict(texts[:480])
            limit["bundle_predict"] = 480 / (time.perf_counter() - start)
            for name, rate in limit.items():
                figures.setdefault("no_http", {}).setdefault(name, []).append({"texts_per_second": rate})
        figures = {case: medians(rounds) for case, rounds in figures.items()}
        figures["precision"] = Bundle.load(work / "minilm" / "bundle").manifest["precision"]
    print(json.dumps(figures | {"ratios": ratios(figures)}, indent=None if arguments.json else 2))


def medians(rounds: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the median of each figure of each server over the rounds."""
    result = {}
    for name, rows in rounds.items():
        columns = {key: [row[key] for row in rows] for key in rows[0]}
        result[name] = {key: round(median(values), 2) for key, values in columns.items()}
    return result


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Return Volant's rate relative to the better default peer, to the batching pipeline, and to the limit."""
    result = {}
    for connections, size in CASES:
        rates = {name: row["texts_per_second"] for name, row in figures[f"{connections}x{size}"].items()}
        ours = rates.pop("volant")
        batches = rates.pop("fastapi_batches")
        result[f"{connections}x{size}_to_better_peer"] = round(ours / max(rates.values()), 2)
        result[f"{connections}x{size}_to_batches_of_32"] = round(ours / batches, 2)
    limit = max(row["texts_per_second"] for name, row in figures["no_http"].items() if name.startswith("bare"))
    result["16x32_of_bare_loop"] = round(figures["16x32"]["volant"]["texts_per_second"] / limit, 2)
    return result


if __name__ == "__main__":
    main()
