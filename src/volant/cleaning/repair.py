"""Repair of wrongly decoded text by ftfy, limited to the parts of a text that it can change.

ftfy takes a millisecond for a page of text with one "é" in it. Yet it never changes ASCII, and its patterns are only a
few characters wide: long stretches of ASCII are removed before it, and inserted again. The result is the same.

Source: https://ftfy.readthedocs.io
"""

import re
from functools import cache
from itertools import zip_longest
from typing import Literal
from unicodedata import is_normalized

import ftfy
from ftfy.badness import is_bad
from ftfy.chardata import LIGATURES, WIDTH_MAP

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

LINE = re.compile(r"[^\n]*\n|[^\n]+")
AROUND = 10  # ASCII characters that stay beside others; the widest pattern of ftfy has a lookahead of six
LONG = re.compile(rf"[\x01-\x7f]{{{3 * AROUND},}}")
MARK = "\0"
# Characters that ftfy replaces one by one: odd widths, ligatures, curly quotes, C1 controls, surrogates; Ã and Â may
# matter at the start of any line. A superfluous one costs time only.
SUSPECTS = re.compile(f"[{''.join(map(chr, [*LIGATURES, *WIDTH_MAP]))}\u02bc\u2018-\u201f\x80-\x9f\ud800-\udfffÃÂ]")


def repair(text: str, form: Form) -> str:
    r"""Return the text as ftfy repairs it, in one normal form; markup, line breaks and control characters stay.

    Example:
        >>> repair("voilÃ\xa0 the cafe\u0301", "NFC")
        'voilà the café'
    """
    if text.isascii() or not _suspect(_shorten(text)[0], form):
        return text
    lines = LINE.findall(text)
    repaired = {line: _repair_line(line, form) for line in dict.fromkeys(lines)}  # ftfy is slow for each
    return "".join(map(repaired.__getitem__, lines))


def _repair_line(line: str, form: Form) -> str:
    if line.isascii():
        return line
    short, gaps = _shorten(line)
    if not _suspect(short, form):
        return line
    fixed = ftfy.fix_text(short, _config(form))
    if not gaps:
        return fixed
    return "".join(piece + gap for piece, gap in zip_longest(fixed.split(MARK), gaps, fillvalue=""))


def _shorten(text: str) -> tuple[str, list[str]]:
    """Return the text with a mark instead of the middle of each long stretch of ASCII, and those middles."""
    gaps: list[str] = []
    if MARK in text:
        return text, gaps

    def shorten(match: re.Match[str]) -> str:
        gaps.append(match[0][AROUND:-AROUND])
        return match[0][:AROUND] + MARK + match[0][-AROUND:]

    return LONG.sub(shorten, text), gaps


def _suspect(short: str, form: Form) -> bool:
    return bool(SUSPECTS.search(short)) or not is_normalized(form, short) or is_bad(short)


@cache
def _config(form: Form) -> ftfy.TextFixerConfig:
    # Markup, line breaks and control characters have their own steps; without them ASCII is never changed.
    return ftfy.TextFixerConfig(
        unescape_html=False,
        fix_line_breaks=False,
        remove_terminal_escapes=False,
        remove_control_chars=False,
        normalization=form,
        explain=False,
    )
