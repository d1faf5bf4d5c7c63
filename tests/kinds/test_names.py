"""No kind is named outside of its own folder: a new one touches a registry line, and no branch anywhere."""

import re

from support.projects import ROOT
from volant.kinds import KINDS
from volant.kinds.record import TARGETS

WORDS = ("classify", "multilabel")  # these are nothing but names of kinds; others are also words, or names of columns


def test_no_module_outside_of_kinds_names_a_kind() -> None:
    source = ROOT / "src/volant"
    others = "|".join(name for name in KINDS if name not in (*WORDS, *TARGETS))
    quoted = rf"""["'`](?:{others})["'`]""" if others else r"(?!)"
    compared = rf"kind\b\W*(?:==|!=|in\b|is\b).*\b(?:{'|'.join(KINDS)})\b"
    strict = re.compile(rf"\b(?:{'|'.join(WORDS)})\b|{compared}", re.IGNORECASE)
    named = re.compile(rf"{strict.pattern}|{quoted}", re.IGNORECASE)
    # such as `entities` of spaCy and doccano
    keys_of_other_tools = (source / "sources/formats", source / "bundle/batch/comprehend.py")
    found = [
        f"{path.relative_to(source)}: {line.strip()}"
        for path in sorted(source.rglob("*.py"))
        if not path.is_relative_to(source / "kinds")
        for line in path.read_text("utf-8").splitlines()
        if (strict if any(map(path.is_relative_to, keys_of_other_tools)) else named).search(line)
    ]
    assert found == []
