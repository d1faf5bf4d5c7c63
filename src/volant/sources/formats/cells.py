"""Cells of CSV for a spreadsheet, in which a text must not run as a formula."""

import re

# Excel and LibreOffice run such a cell, in full width too: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20].", re.DOTALL)
NUMBER = re.compile(r"[+-]\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet runs: a formula gets an apostrophe before it; a number stays.

    Example:
        >>> guarded("=1+1"), guarded("-0.5"), guarded("- no"), guarded("a = b"), guarded("'=1")
        ("'=1+1", '-0.5', "'- no", 'a = b', "''=1")
    """
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def bare(cell: str) -> str:
    """Return the cell as it was before `guarded`.

    Example:
        >>> bare("'=1+1"), bare("''=1"), bare("'quoted'")
        ('=1+1', "'=1", "'quoted'")
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
