"""Redaction of texts before they are stored: addresses, numbers and names that identify a person."""

import re
from collections.abc import Callable, Sequence

from volant.cleaning.placeholders import EMAIL, URL, USER

# at least nine digits, or seven after a plus, with common separators between them; a date alone doesn't match
SEPARATOR = r"[ \u00a0\t().\-/]{0,2}"
PHONE = re.compile(
    rf"(?<![\w.])(?!\d{{4}}-\d\d-\d\d(?!\d))(?:\+\d(?:{SEPARATOR}\d){{6,17}}|\(?\d(?:{SEPARATOR}\d){{8,18}})(?!\w)"
)
DIGITS = re.compile(rf"\d(?:{SEPARATOR}\d){{6}}")  # a pre-check, many times faster for texts without a number
# the order matters: the rest of an address must not match as a user name
REDACTORS: dict[str, Callable[[str], str]] = {
    "url": lambda text: URL.sub("[url]", text) if "://" in text or "www." in text.lower() else text,
    "email": lambda text: EMAIL.sub("[email]", text) if "@" in text else text,
    "phone": lambda text: PHONE.sub("[phone]", text) if DIGITS.search(text) else text,
    "user": lambda text: USER.sub("[user]", text) if "@" in text else text,
}


def redact(text: str, what: Sequence[str]) -> str:
    """Return the text with each match of some redactors replaced by the redactor's name in brackets.

    Args:
        text: The raw text.
        what: Names of `REDACTORS`.

    Example:
        >>> redact("@ann: call +44 20 7946 0958 or write to ann@example.com", ["email", "phone", "user"])
        '[user]: call [phone] or write to [email]'
        >>> redact("on 2026-11-21 it cost 1,500.50", ["phone"])
        'on 2026-11-21 it cost 1,500.50'
    """
    for name, replace in REDACTORS.items():
        if name in what:
            text = replace(text)
    return text
