"""`params.yaml` as checked dataclasses, and the objects that its `_target_` keys name."""

from volant.config.binding import CONF, STRICT, build, locate, origin, validate
from volant.config.flywheels import (
    PARAMS,
    Config,
    Evaluation,
    Flywheel,
    Gate,
    Split,
    check,
    flywheel,
    load,
    read_params,
)

__all__ = [
    "CONF",
    "PARAMS",
    "STRICT",
    "Config",
    "Evaluation",
    "Flywheel",
    "Gate",
    "Split",
    "build",
    "check",
    "flywheel",
    "load",
    "locate",
    "origin",
    "read_params",
    "validate",
]
