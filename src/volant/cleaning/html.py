"""Removal of markup from a text, with a real parser (lexbor), without loss of text that only looks like markup."""

import html as stdlib_html
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from volant.cleaning.edits import Edit, align
from volant.errors import VolantError

BLOCKS = (
    "address|article|aside|blockquote|caption|center|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h1|h2|h3|h4|h5|h6|header|hgroup|hr|legend|li|main|menu|nav|ol|optgroup|option|p|pre|section|"
    "summary|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
INLINE = (
    "a|abbr|acronym|applet|area|audio|b|base|basefont|bdi|bdo|big|body|br|button|canvas|cite|code|col|colgroup|data|"
    "datalist|del|dfn|em|embed|font|frame|frameset|head|html|i|iframe|img|input|ins|kbd|label|link|map|mark|marquee|"
    "meta|meter|nobr|noscript|object|output|param|picture|progress|q|rp|rt|ruby|s|samp|script|select|slot|small|"
    "source|span|strike|strong|style|sub|sup|svg|textarea|time|track|tt|u|var|video|wbr"
)
# A tag is a name of HTML (or `prefix:name`, as Word writes them) alone, with one bare attribute, or with `=`
# in what follows, up to a `>`. Everything else with a `<` is text ("a < b", "<3", "<grin>",
# "if a<b and c>d"), which the parsing rules of HTML would remove up to the next `>`.
NAMES = rf"{BLOCKS}|{INLINE}|\w+:\w+"
VALUES = r"""(?:(?>[^<>"']+|"[^"<]*"|'[^'<]*')*+>|[^<>]*>)"""  # a `>` in quotes does not end the tag
MARKUP = rf"/?(?=[a-z])(?:{NAMES})(?:(?:\s+[\w-]+)?\s*/?>|\s[^<>=]*={VALUES})|!doctype\b[^<>]*>|\?xml\b[^<>]*>"
TEXTUAL = re.compile(rf"<(?!{MARKUP}|!--)", re.I)
TAG = re.compile(rf"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1[^<>]*>|<(?:{MARKUP})", re.I | re.S)
# Without its semicolon an entity is text: "rock&reggae", "?a=1&copy=2".
ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.I)
BARE = re.compile(rf"&(?!{ENTITY.pattern[1:]})", re.I)
BREAK = re.compile(r"<br\s*/?>", re.I)
# Elements that remove all text after them if they are never closed.
SWALLOWING = [(re.compile(re.escape(start), re.I), end) for start, end in
              (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"))]  # fmt: skip

# The parser would drop or change these, which are not markup; noncharacters replace them meanwhile.
STAND_INS = [("\0", "\ufdd0"), ("\r", "\ufdd1")]
# The parser takes quadratic time on tags that are never closed: 0.2 s for these, 26 s for ten times as many.
DEEP = 10_000


def strip(text: str) -> str:
    r"""Return the text without markup: `<br>` and block tags become new lines, inline tags nothing; decode entities.

    Example:
        >>> strip("<p>Caf&eacute; &amp; <b>bar</b></p>I <3 it, if a < b<br />")
        '\nCafé & bar\nI <3 it, if a < b\n'
    """
    if "<" in text:
        text = BREAK.sub("\n", text)  # nearly all markup in practice, without the parser
    if "<" not in text:
        return ENTITY.sub(_decode, text) if "&" in text else text
    text = _shield(text)
    if text.count("<") - 2 * text.count("</") > DEEP or not TAG.search(text):
        return ENTITY.sub(_decode, TAG.sub("\n", text))
    return _parse(BARE.sub("&amp;", TEXTUAL.sub("&lt;", text)))


def edits(old: str, new: str) -> list[Edit]:
    """Return the edits of `strip`: exact if each piece of text occurs again in order, else by comparison.

    Example:
        >>> edits("<b>b</b>&amp;", "b&")
        [Edit(start=0, end=3, length=0), Edit(start=4, end=8, length=0), Edit(start=8, end=13, length=1)]
    """
    edits: list[Edit] = []
    done = 0  # position in old
    at = 0  # position in new
    for start, end, text in _pieces(old):
        begin = at
        while not new.startswith(text, at) and new.startswith("\n", at):
            at += 1
        if not new.startswith(text, at):  # the parser moved text, as it does in broken tables
            return _compare(old, new)
        if start > done or at > begin:
            edits.append(Edit(done, start, at - begin))
        if text != old[start:end]:
            edits.append(Edit(start, end, len(text)))
        done = end
        at = at + len(text)
    if done < len(old) or at < len(new):
        edits.append(Edit(done, len(old), len(new) - at))
    return edits if not new[at:].strip("\n") else _compare(old, new)


def _decode(match: re.Match[str]) -> str:
    return stdlib_html.unescape(match[0])


def _shield(text: str) -> str:
    for start, end in SWALLOWING:
        if start.search(text):
            last = text.lower().rfind(end)
            text = text[: last + 1] + start.sub(lambda match: "&lt;" + match[0][1:], text[last + 1 :])
    return text


def _parse(text: str) -> str:
    for character, stand_in in STAND_INS:
        text = text.replace(character, stand_in)
    try:
        tree = LexborHTMLParser(text, is_fragment=True)
    except (SelectolaxError, ValueError) as error:
        raise VolantError(
            f"A text of {len(text)} characters can't be parsed as HTML ({error}). Shorten it in the source."
        ) from error
    for node in tree.css("script,style"):
        node.decompose()
    for node in tree.css("br"):
        node.insert_before("\n")
    for node in tree.css(BLOCKS.replace("|", ",")):
        node.insert_before("\n")
        node.insert_after("\n")
    text = tree.text()
    for character, stand_in in STAND_INS:
        text = text.replace(stand_in, character)
    return text


def _compare(old: str, new: str) -> list[Edit]:
    return align(TAG.sub(lambda match: " " * len(match[0]), old), new)  # markup is not text


def _pieces(old: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and new text of each stretch between tags; an entity is a stretch of its own."""
    ends = [*((match.start(), match.end()) for match in TAG.finditer(old)), (len(old), len(old))]
    at = 0
    for start, end in ends:
        for entity in ENTITY.finditer(old, at, start):
            if entity.start() > at:
                yield at, entity.start(), old[at : entity.start()]
            yield entity.start(), entity.end(), _decode(entity)
            at = entity.end()
        if start > at:
            yield at, start, old[at:start]
        at = end
