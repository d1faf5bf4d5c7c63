"""The kinds of prediction: training targets, decoding of logits into annotations, metrics and baselines.

To add one: write `kinds/<kind>.py` with a frozen dataclass that has the methods of `contract.Kind`, name it `KIND`, and
add the module to `MODULES`; the contract tests then cover it. Nothing outside this folder names a kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from volant.errors import VolantError
from volant.kinds.calibration import Calibration
from volant.kinds.contract import Kind
from volant.kinds.outputs import Outputs, TokenOutputs
from volant.kinds.rates import Tallies

__all__ = ["KINDS", "Calibration", "Kind", "Outputs", "Tallies", "TokenOutputs", "kind_of_labels", "kind_of_row"]

MODULES = {
    "classify": "volant.kinds.classify",
    "multilabel": "volant.kinds.multilabel",
    "entities": "volant.kinds.entities",
    "triples": "volant.kinds.triples",
    "understand": "volant.kinds.understand",
}


class Kinds(Mapping[str, Kind]):
    """The kinds by name; each is imported on first use, so that a new kind changes no other."""

    def __getitem__(self, name: str) -> Kind:
        """Return the kind of that name."""
        return import_module(MODULES[name]).KIND

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(MODULES)

    def __len__(self) -> int:
        """Return the number of kinds."""
        return len(MODULES)


KINDS = Kinds()


def kind_of_labels(exclusive: bool) -> str:
    """Return the name of the kind whose predictions are labels of the whole text.

    Args:
        exclusive: True if each text has exactly one label.
    """
    return "classify" if exclusive else "multilabel"


def kind_of_row(row: Mapping[str, Any] | Sequence[str]) -> Kind:
    """Return the kind whose columns a row, or a list of columns, has; of several, the one with most.

    Raises:
        VolantError: If it has the columns of no kind.

    Example:
        >>> kind_of_row({"text": "a film", "labels": ["plot"]}).exclusive
        False
    """
    held = [kind for kind in KINDS.values() if set(kind.columns) <= set(row)]
    if not held:
        allowed = "; ".join(" and ".join(kind.columns) for kind in KINDS.values())
        raise VolantError(f"The columns {', '.join(row)} contain no gold. Expected one of: {allowed}.")
    return max(held, key=lambda kind: len(kind.columns))
