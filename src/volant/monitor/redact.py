"""What is taken out of texts before they are kept: addresses, numbers and names that point at a person."""

import re
from collections.abc import Callable, Sequence

from volant.cleaning.placeholders import EMAIL, URL, USER

# Nine digits and more, or seven behind a plus, with what people write between them; a date alone is not one.
BETWEEN = r"[ \u00a0\t().\-/]{0,2}"
PHONE = re.compile(
    rf"(?<![\w.])(?!\d{{4}}-\d\d-\d\d(?!\d))(?:\+\d(?:{BETWEEN}\d){{6,17}}|\(?\d(?:{BETWEEN}\d){{8,18}})(?!\w)"
)
DIGITS = re.compile(rf"\d(?:{BETWEEN}\d){{6}}")  # found many times faster, where there is none
# In this order: what is left of an address must not be taken for the name of a user.
REDACTORS: dict[str, Callable[[str], str]] = {
    "url": lambda text: URL.sub("[url]", text) if "://" in text or "www." in text.lower() else text,
    "email": lambda text: EMAIL.sub("[email]", text) if "@" in text else text,
    "phone": lambda text: PHONE.sub("[phone]", text) if DIGITS.search(text) else text,
    "user": lambda text: USER.sub("[user]", text) if "@" in text else text,
}


def redact(text: str, what: Sequence[str]) -> str:
    """The text without what is named, each replaced by its name in brackets.

    Args:
        text: As it came in.
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
