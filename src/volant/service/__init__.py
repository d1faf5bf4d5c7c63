"""The service: deployed models answer, take feedback, run jobs, and change version while they do."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`volant.service:Volant` is what BentoML serves; BentoML is imported only where it is asked for."""
    if name == "Volant":
        from volant.service.app import Volant

        return Volant
    raise AttributeError(name)
