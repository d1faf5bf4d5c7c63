"""Trees of config checked against dataclasses, and the objects that their `_target_` keys name."""

import importlib
import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from volant.errors import VolantError, did_you_mean
from volant.workspace.paths import CONF

STRICT = ConfigDict(extra="forbid", strict=True, defer_build=True)


def build(component: dict[str, Any], key: str) -> Any:
    """Build the object that `_target_` names; only classes of Volant are allowed, so config never runs foreign code.

    Example:
        >>> build({"_target_": "volant.config.Split", "test": 0.5}, "split").test
        0.5
    """
    arguments = dict(component)
    target = arguments.pop("_target_", None)
    return validate(locate(target, key), arguments, key)


def locate(target: Any, key: str) -> type:
    """The class that a `_target_` names.

    Raises:
        VolantError: If it is missing, not a class of Volant's own, or not there.
    """
    if not (isinstance(target, str) and re.fullmatch(r"volant(\.\w+)+", target)):
        raise VolantError(message(key + "._target_", target, "a class of Volant, such as volant.models.linear.Linear"))
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        hint = "a class of Volant, such as volant.models.linear.Linear"
        raise VolantError(f"{message(key + '._target_', target, hint)} ({error})") from error
    if not is_dataclass(found) or not isinstance(found, type):
        raise VolantError(message(key + "._target_", target, "a class of Volant, not a function or module"))
    return found


def validate(model: type, tree: Any, key: str) -> Any:
    """Check a tree against a dataclass.

    Args:
        model: Dataclass to check against.
        tree: Tree of plain values.
        key: Dotted key of the tree, for messages.

    Raises:
        VolantError: With one line for every key that is wrong, not only the first.
    """
    try:
        # as JSON, since that is what YAML can say: strict, yet a mapping may become a dataclass and a list a tuple
        return TypeAdapter(model).validate_json(json.dumps(tree))
    except ValidationError as error:
        lines = [_explain(model, problem, key) for problem in error.errors()]
        raise VolantError("\n".join(dict.fromkeys(lines))) from error


def _explain(model: type, problem: Any, key: str) -> str:
    parts = [str(part) for part in problem["loc"]]
    dotted = ".".join([key, *parts]).strip(".")
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _names(model, parts[:-1])
        return message(dotted, problem["input"], f"one of {', '.join(known)}", did_you_mean(parts[-1], known), "key")
    if problem["type"] in ("missing", "missing_argument"):
        return message(dotted, None, "a value: the key is missing", kind="key")
    return message(dotted, problem["input"], problem["msg"])


def _names(model: Any, path: list[str]) -> list[str]:
    """The field names of the dataclass at `path`, walking through `dict[str, X]` values as well."""
    for part in path:
        if is_dataclass(model):
            model = {f.name: f.type for f in fields(model)}.get(part, model)
        else:
            model = getattr(model, "__args__", (model, model))[-1]
    if not is_dataclass(model):
        model = next((a for a in getattr(model, "__args__", ()) if is_dataclass(a)), model)
    return [f.name for f in fields(model)] if is_dataclass(model) else []


def message(dotted: str, value: Any, allowed: str, hint: str = "", kind: str = "value") -> str:
    """Return the message on a wrong key: its file, its value, what is allowed.

    Args:
        dotted: The key.
        value: That it has.
        allowed: What it may have.
        hint: The nearest valid name, as a sentence.
        kind: `key` where the key itself is wrong, else `value`.
    """
    given = "" if kind == "key" and value is None else f" (given: {value!r})"
    return f"{origin(dotted)}: {dotted}{given}: expected {allowed}.{hint}"


def origin(dotted: str) -> Path:
    """The file under `conf/` where a dotted key of `params.yaml` most likely stands.

    Example:
        >>> str(origin("flywheels.reviews.metric"))
        'conf/flywheel/reviews.yaml'
    """
    parts = dotted.split(".")
    return (
        CONF / "flywheel" / f"{parts[1]}.yaml" if parts[0] == "flywheels" and len(parts) > 1 else CONF / "config.yaml"
    )
