"""Cleaning steps by name, and the config list that names them; a bundle stores that list."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from volant.cleaning import drops, placeholders, rewrites
from volant.cleaning.drops import DropStep
from volant.cleaning.rewrites import TextStep
from volant.errors import VolantError, did_you_mean

Step = TextStep | DropStep

STEPS: dict[str, Callable[..., Step]] = {
    "html": rewrites.html,
    "unicode": rewrites.unicode,
    "control": rewrites.control,
    "urls": placeholders.urls,
    "emails": placeholders.emails,
    "users": placeholders.users,
    "emoji": placeholders.emoji,
    "numbers": placeholders.numbers,
    "special": rewrites.special,
    "lower": rewrites.lower,
    "stem": rewrites.stem,
    "whitespace": rewrites.whitespace,
    "drop_empty": drops.drop_empty,
    "drop_duplicates": drops.drop_duplicates,
    "drop_long": drops.drop_long,
    "drop_leaks": drops.drop_leaks,
}
# A step has no effect after one of a higher rank has removed what it matches: a URL without its slashes
# is not a URL. Steps without a rank may be anywhere before the drop steps, which compare clean texts.
RANK = {"html": 0, "unicode": 1, "control": 2, "urls": 3, "emails": 4, "users": 5, "emoji": 5, "numbers": 6,
        "special": 7, "stem": 8, "whitespace": 8}  # fmt: skip


def parse_steps(config: Sequence[str | Mapping[str, Any] | Step]) -> list[Step]:
    """Return the steps of a config list: each item a name, or a name with its arguments.

    Fails with `VolantError` if a step or an argument is unknown or of the wrong type, a step is named twice, or the
    order would leave a step without effect.

    Example:
        >>> [step.name for step in parse_steps(["html", {"emoji": {"mode": "name"}}, "drop_empty"])]
        ['html', 'emoji', 'drop_empty']
    """
    parsed = [_step(line) for line in config]
    for at, step in enumerate(parsed):
        for later in parsed[at + 1 :]:
            _check_order(step, later)
    return parsed


def text_steps(config: Sequence[str | Mapping[str, Any] | Step]) -> list[TextStep]:
    """Return the steps that change texts; only these run at prediction."""
    ready = all(isinstance(step, TextStep | DropStep) for step in config)
    return [step for step in (config if ready else parse_steps(config)) if isinstance(step, TextStep)]


def _step(line: object) -> Step:
    if isinstance(line, TextStep | DropStep):
        return line
    if isinstance(line, str):
        line = {line: {}}
    if not isinstance(line, Mapping) or len(line) != 1:
        raise VolantError(f"cleaning: {line!r} is not a step. Write a name, or one name with its arguments: "
                          "`- urls: {placeholder: http}`.")  # fmt: skip
    [(name, arguments)] = line.items()
    if name not in STEPS:
        raise VolantError(f"cleaning: unknown step '{name}'.{did_you_mean(name, STEPS)} Allowed: {', '.join(STEPS)}.")
    return _call(name, {} if arguments is None else arguments)


def _call(name: str, arguments: object) -> Step:
    parameters = inspect.signature(STEPS[name]).parameters
    allowed = f"It takes {', '.join(parameters)}." if parameters else "It takes no arguments."
    if not isinstance(arguments, Mapping):
        raise VolantError(f"cleaning: {name}: {arguments!r} is not a mapping of arguments. {allowed}")
    for key, value in arguments.items():
        if key not in parameters:
            raise VolantError(f"cleaning: {name}: unknown argument '{key}'.{did_you_mean(key, parameters)} {allowed}")
        try:
            TypeAdapter(parameters[key].annotation).validate_python(value, strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise VolantError(f"cleaning: {name}: {key} (given: {value!r}): {reason}.") from error
    missing = [key for key, p in parameters.items() if p.default is p.empty and key not in arguments]
    if missing:
        raise VolantError(
            f"cleaning: {name} requires a value for {', '.join(missing)}: `- {name}: {{{missing[0]}: ...}}`."
        )
    return STEPS[name](**arguments)


def _check_order(step: Step, later: Step) -> None:
    if step.name == later.name:
        raise VolantError(f"cleaning: '{step.name}' is listed twice. Keep one of the two.")
    drops_first = isinstance(step, DropStep) and isinstance(later, TextStep)
    if not drops_first and RANK.get(step.name, -1) <= RANK.get(later.name, len(RANK)):
        return
    reason = "which compares clean texts" if drops_first else "which removes what it matches"
    raise VolantError(
        f"cleaning: '{later.name}' comes after '{step.name}', {reason}. Put '{later.name}' before it. "
        f"The order: {', '.join(RANK)}, then drop steps; 'lower' may be anywhere before those."
    )
