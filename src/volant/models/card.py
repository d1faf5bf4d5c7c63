"""The model card of a bundle: intended use and metrics, with front matter that registries read."""

from collections.abc import Mapping
from typing import Any

import yaml

from volant.config import Flywheel
from volant.kinds import KINDS

WHOLE = """The model predicts one of the labels above (or, with several labels per text, those above their thresholds)
for any text."""
PARTS = """The model predicts parts of a text, with the labels above and the characters of the raw text. Labels that are
not listed are never predicted."""


def model_card(manifest: Mapping[str, Any], flywheel: Flywheel, rows: int) -> str:
    """Return the card as Markdown with `model-index` front matter.

    Source: https://huggingface.co/docs/hub/model-cards

    Args:
        manifest: Manifest of the bundle, before it is sealed.
        flywheel: Config of the flywheel.
        rows: Number of validation rows behind the metrics.
    """
    validation = manifest["validation"]
    metrics = [{"type": name, "name": f"validation {name}", "value": value} for name, value in validation.items()]
    whole = KINDS[manifest["kind"]].head == "text"
    pipeline = "text-classification" if whole else "token-classification"
    task = {"type": pipeline, "name": flywheel.description}
    dataset = {"type": manifest["flywheel"], "name": flywheel.description, "split": "validation"}
    front = {
        "library_name": "volant",
        "pipeline_tag": pipeline,
        "tags": ["volant", manifest["kind"], manifest["family"]],
        **_base(manifest),
        "model-index": [
            {
                "name": manifest["flywheel"],
                "results": [{"task": task, "dataset": dataset, "metrics": metrics}],
            }
        ],
    }
    beside = _beside(manifest["runtime"])
    more = _encoder(manifest) + _reading(manifest) + _choice(manifest)
    table = "\n".join(f"| {name} | {value:.4f} |" for name, value in validation.items())
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip()}
---
# {manifest["flywheel"]}: {flywheel.description}

A `{manifest["kind"]}` model of the `{manifest["family"]}` family, saved by Volant in {manifest["precision"]}.{beside}

- **Labels**: {", ".join(manifest["labels"])}
- **Cleaning**: {", ".join(step if isinstance(step, str) else str(step) for step in manifest["cleaning"])}
- **Model selection**: validation {manifest["metric"]}; {manifest["precision_choice"]["rule"]}
  ({", ".join(f"{name} {value}" for name, value in manifest["precision_choice"]["validation"].items())})
- **Temperature**: {manifest["calibration"]["temperature"]} (fitted on validation){more}

Metrics on {rows:,} validation rows, which also selected the model, so expect slightly lower values on new texts. The
test metrics are in the project's evaluation report.

| metric | validation |
| --- | ---: |
{table}

## Use

```python
from pathlib import Path
from volant.bundle.bundle import Bundle

Bundle.load(Path("models/{manifest["flywheel"]}")).predict(["your text"])
```

## Limits

{WHOLE if whole else PARTS}
It was trained on the texts of its flywheel. On texts of another type, language or period it may be less accurate than
these metrics show.
"""


def _beside(runtime: Mapping[str, Any]) -> str:
    if runtime["type"] != "blend":
        return ""
    first, second = runtime["weights"]
    return f"\nIt is blended with a linear model on n-grams: their logits are added with weights {first} and {second}."


def _base(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the front matter that names the published weights that the model was fine-tuned from."""
    weights = manifest.get("encoder", {}).get("weights")
    return {"base_model": weights} if weights else {}


def _encoder(manifest: Mapping[str, Any]) -> str:
    """Return sentences on the pretrained encoder: origin, licence, and the part of its vocabulary that is kept."""
    encoder = manifest.get("encoder")
    if not encoder:
        return ""
    name = encoder.get("weights") or encoder["name"]
    origin = f" (licence: {encoder['licence']}), from {encoder['origin']}" if "licence" in encoder else ""
    pieces = f"\n- **Vocabulary**: {encoder['vocabulary']:,} pieces"
    if encoder["vocabulary"] < encoder["whole_vocabulary"]:
        pieces += (
            f" of the encoder's {encoder['whole_vocabulary']:,}: those of the train texts, and the most probable ones "
            "of the same scripts. Characters of other scripts are read as unknown, so two such texts look alike"
        )
    return f"\n- **Encoder**: {name}{origin}{pieces}"


def _reading(manifest: Mapping[str, Any]) -> str:
    """Return a sentence on the share of truncated texts, if some are longer than the limit."""
    shares = manifest.get("reading", {})
    if not any(share["texts_cut"] for share in shares.values()):
        return ""
    truncation = _first_part(manifest["runtime"]).get("truncation", "head")
    part = {"head": "first", "head_tail": "first and last"}[truncation]
    coverage = "; ".join(
        f"{split}: {share['texts_cut']:.1%} of the texts are longer, {share['tokens_read']:.1%} of all tokens are read"
        for split, share in shares.items()
    )
    return f"\n- **Input**: the {part} {manifest['max_length']} tokens of a text ({coverage})"


def _first_part(runtime: Mapping[str, Any]) -> Mapping[str, Any]:
    return runtime["parts"][0] if runtime["type"] == "blend" else runtime


def _choice(manifest: Mapping[str, Any]) -> str:
    """Return a sentence on the model that `model: auto` chose, and the reason."""
    choice = manifest.get("choice")
    if not choice:
        return ""
    scores = ", ".join(f"{name} {score:.3f}" for name, score in choice.get("scores", {}).items())
    evidence = f" Cross-validated {manifest['metric']} on {choice['rows']} train rows: {scores}." if scores else ""
    return f"\n- **Model chosen**: {choice['option']}. {choice['why']}{evidence}"
