"""One requirement of the gate, with its value, bound and verdict."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One requirement.

    Attributes:
        name: What was looked at.
        value: What was found; None where it could not be.
        bound: What is accepted, in words.
        passed: Whether it was met.
        note: What a person should know of it.
        waits: Whether it could not be decided, so that a person has to; not passed then, and not failed.
    """

    name: str
    value: float | str | None
    bound: str
    passed: bool
    note: str = ""
    waits: bool = False


def reason(condition: Condition) -> str:
    """Return a condition that was not met as a line."""
    value = f"{condition.value:.3f}" if isinstance(condition.value, float) else condition.value
    note = f" ({condition.note})" if condition.note else ""
    return f"{condition.name} is {value if value is not None else 'unknown'}, required: {condition.bound}{note}"
