"""The service: deployed models predict, take feedback, run jobs, and swap versions without an interruption."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Return `Volant`, the BentoML service; BentoML is imported only at its first use.

    Raises:
        AttributeError: For any other name.
    """
    if name == "Volant":
        from volant.service.app import Volant

        return Volant
    raise AttributeError(name)
