"""Trained weights stored beside the bundle, from which a later version can start. Importing this imports torch.

A bundle holds a graph for inference, often in int8; further training needs the weights themselves.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from volant.errors import VolantError
from volant.models.neural.heads import Net

WEIGHTS = "weights.safetensors"
TOKENIZER = "tokenizer.json"


def keep(net: Net, tokenizer: Tokenizer, labels: Sequence[str], folder: Path) -> None:
    """Write the weights of a net, in half precision, with its tokenizer and label set.

    Args:
        net: Trained net.
        tokenizer: Its tokenizer.
        labels: The label set, in the order of the head's rows.
        folder: Folder to write to; created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / TOKENIZER), pretty=False)
    state = {name: _halved(value) for name, value in net.state_dict().items()}
    save_file(state, folder / WEIGHTS, metadata={"labels": json.dumps(list(labels))})


def restore(net: Net, labels: Sequence[str], folder: Path) -> None:
    """Load the weights of a folder into a net; the head's rows go by label, a new label keeps its initial weights.

    A head of another form than rows of labels starts anew if the label set is another.

    Args:
        net: Net to load into.
        labels: The label set of the net.
        folder: Folder that `keep` wrote.

    Raises:
        VolantError: If the weights are of another architecture.
    """
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
        labels_before = json.loads(file.metadata()["labels"])
    own = net.state_dict()
    head = {name: state.pop(name) for name in list(state) if name.startswith("head.linear.")}
    if list(labels) != labels_before:
        state = {name: own.get(name, value) if name.startswith("head.") else value for name, value in state.items()}
    if {n: v.shape for n, v in state.items()} != {n: own[n].shape for n in own if n not in head}:
        raise VolantError(
            f"The weights in {folder} are of another architecture than `model` configures. "
            "Set model.start to null, or make encoder, layers and sizes those of that version."
        )
    for name, rows in head.items():
        if len(rows) == len(labels_before):
            for row, label in enumerate(labels):
                if label in labels_before:
                    own[name][row] = rows[labels_before.index(label)]
        elif list(labels) == labels_before:  # classes of tokens, which belong to the label set as a whole
            own[name] = rows
    net.load_state_dict({**own, **state})


def start_tokenizer(start: str) -> Tokenizer:
    """Return the tokenizer of the version to start from.

    Raises:
        VolantError: If its weights aren't on this machine.
    """
    folder = Path(start)
    if not (folder / WEIGHTS).is_file():
        name, number = folder.parts[-2:] if len(folder.parts) > 1 else ("NAME", "N")  # .volant/weights/NAME/N
        raise VolantError(
            f"model.start names weights that are not on this machine: {folder}. Fetch them with "
            f"`volant iterate {name} --from-version {number}`; `--from-version 0` starts anew."
        )
    return Tokenizer.from_file(str(folder / TOKENIZER))


def _halved(value: Tensor) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.is_floating_point() else value
