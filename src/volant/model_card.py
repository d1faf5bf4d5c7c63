"""The model card of a bundle: what it is for and what it scored, with front matter that registries read."""

from collections.abc import Mapping
from typing import Any

import yaml

from volant.config import Flywheel


def model_card(manifest: Mapping[str, Any], flywheel: Flywheel, rows: int) -> str:
    """The card as Markdown with `model-index` front matter.

    Source: https://huggingface.co/docs/hub/model-cards

    Args:
        manifest: Of the bundle, before it is sealed.
        flywheel: Its config.
        rows: Validation rows that the figures come from.
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
- **Temperature**: {manifest["calibration"]["temperature"]} (fitted on validation)

Figures on {rows:,} validation rows, which also chose the model, so expect a little less on new text; the test figures
are in the evaluation report beside the project.

| metric | validation |
| --- | ---: |
{table}

## Use

```python
from pathlib import Path
from volant.bundle import Bundle

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
