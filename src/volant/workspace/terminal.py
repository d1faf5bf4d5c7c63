"""The terminal: what other people wrote is shown there, and never commands it."""

import json
import re
from typing import Any

from rich.console import Console as RichConsole
from rich.text import Text

# What moves the cursor, colours, hides or turns round what stands beside it: control characters but tab and line end,
# marks of direction, invisible ones but the joiners that emoji and scripts need, halves of surrogate pairs, tags.
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    r"""Text that a terminal shows and doesn't obey: each hidden character as its escape.

    Example:
        >>> print(plain("a\x1b[31mred \u202e b\nc"))
        a\x1b[31mred \u202e b
        c
    """
    return HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def json_line(value: object) -> str:
    r"""JSON on one line, with letters as they are and every hidden character escaped: it means the same.

    Example:
        >>> print(json_line({"text": "caf\u00e9 \x1b[31m \x9b \u202e"}))
        {"text": "café \u001b[31m \u009b \u202e"}
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


class Console(RichConsole):
    """Rich's console, where texts and cells of tables can't hold sequences for the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text of a string: rich does so for whatever it prints or measures."""
        return super().render_str(plain(text), **options)
