"""The model card of a bundle: intended use and metrics, with front matter that registries read."""

from collections.abc import Mapping
from typing import Any

import yaml

from volant.config import Flywheel


def model_card(manifest: Mapping[str, Any], flywheel: Flywheel, rows: int) -> str:
    """Return the card as Markdown with `model-index` front matter.

    Source: https://huggingface.co/docs/hub/model-cards

    Args:
        manifest: Manifest of the bundle, before it is sealed.
        flywheel: Config of the flywheel.
        rows: Number of validation rows behind the metrics.
    """
    metrics = [{"type": name, "name": f"validation {name}", "value": v} for name, v in manifest["validation"].items()]
    task = {"type": "text-classification", "name": flywheel.description}
    dataset = {"type": manifest["flywheel"], "name": flywheel.description, "split": "validation"}
    front = {
        "library_name": "volant",
        "pipeline_tag": "text-classification",
        "tags": ["volant", manifest["kind"], manifest["family"]],
        "model-index": [
            {
                "name": manifest["flywheel"],
                "results": [{"task": task, "dataset": dataset, "metrics": metrics}],
            }
        ],
    }
    beside = _beside(manifest["runtime"])
    more = _reading(manifest) + _choice(manifest)
    table = "\n".join(f"| {name} | {value:.4f} |" for name, value in manifest["validation"].items())
    return f"""---
{yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip()}
---
# {manifest["flywheel"]}: {flywheel.description}

A `{manifest["kind"]}` model of the `{manifest["family"]}` family, saved by Volant in {manifest["precision"]}.{beside}

- **Answers**: {", ".join(manifest["labels"])}
- **Cleaning**: {", ".join(step if isinstance(step, str) else str(step) for step in manifest["cleaning"])}
- **Chosen by**: validation {manifest["metric"]}; {manifest["precision_choice"]["rule"]}
  ({", ".join(f"{name} {value}" for name, value in manifest["precision_choice"]["validation"].items())})
- **Temperature**: {manifest["calibration"]["temperature"]} (fitted on validation){more}

Figures on {rows:,} validation rows, which also chose the model, so expect a little less on new text; the test figures
are in the evaluation report beside the project.

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

It knows the labels above and answers with one of them (or, for several labels, those above their thresholds) whatever
it is given. It was fitted on the text that its flywheel names; text of another sort, language or time may be answered
worse than these figures say.
"""


def _beside(runtime: Mapping[str, Any]) -> str:
    if runtime["type"] != "blend":
        return ""
    first, second = runtime["weights"]
    return f"\nA linear model on n-grams stands beside it: their logits are added, {first} and {second} times."


def _reading(manifest: Mapping[str, Any]) -> str:
    """Return a sentence on how much of the texts is read, if some are longer than the limit."""
    shares = manifest.get("reading", {})
    if not any(found["texts_cut"] for found in shares.values()):
        return ""
    kept = {"head": "first", "head_tail": "first and last"}[_first_part(manifest["runtime"]).get("truncation", "head")]
    said = "; ".join(
        f"{split}: {found['texts_cut']:.1%} of the texts are longer, {found['tokens_read']:.1%} of all tokens are read"
        for split, found in shares.items()
    )
    return f"\n- **Reads**: the {kept} {manifest['max_length']} tokens of a text ({said})"


def _first_part(runtime: Mapping[str, Any]) -> Mapping[str, Any]:
    return runtime["parts"][0] if runtime["type"] == "blend" else runtime


def _choice(manifest: Mapping[str, Any]) -> str:
    """Return a sentence on which model `model: auto` chose, and why."""
    choice = manifest.get("choice")
    if not choice:
        return ""
    scores = ", ".join(f"{name} {score:.3f}" for name, score in choice.get("scores", {}).items())
    judged = f" Cross-validated {manifest['metric']} on {choice['rows']} train rows: {scores}." if scores else ""
    return f"\n- **Model chosen**: {choice['option']}. {choice['why']}{judged}"
