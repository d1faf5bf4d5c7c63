"""Safe output in the terminal: text from outside is displayed, and can't control the terminal."""

import json
import re
from typing import Any

from rich.console import Console as RichConsole
from rich.text import Text

# Characters that move the cursor, or colour, hide or reorder other text: control characters except tab and line feed,
# direction marks, invisible characters except the joiners that emoji and scripts need, unpaired surrogates, tags.
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    r"""Return a text in which each hidden character is replaced by its escape sequence.

    Example:
        >>> print(plain("a\x1b[31mred \u202e b\nc"))
        a\x1b[31mred \u202e b
        c
    """
    return HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def json_line(value: object) -> str:
    r"""Return a value as one line of JSON in which only hidden characters are escaped; it parses to the same value.

    Example:
        >>> print(json_line({"text": "caf\u00e9 \x1b[31m \x9b \u202e"}))
        {"text": "café \u001b[31m \u009b \u202e"}
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


class Console(RichConsole):
    """Rich's console, in which no text or table cell can contain a terminal sequence."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as Rich's text; Rich calls this for everything that it prints or measures."""
        return super().render_str(plain(text), **options)
