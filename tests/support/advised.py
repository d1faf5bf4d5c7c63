"""A flywheel to advise on."""

from volant import config
from volant.config import Flywheel


def flywheel(kind: str, **changes: object) -> Flywheel:
    tree = {
        "kind": kind,
        "description": "made up",
        "source": {},
        "cleaning": ["whitespace"],
        "model": {"_target_": "volant.models.linear.Linear", "family": "linear"},
        "metric": "macro_f1",
        "seed": 5,
        **changes,
    }
    return config.validate(Flywheel, tree, "flywheel")
