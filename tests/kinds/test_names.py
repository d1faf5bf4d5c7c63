"""No kind is named outside of its own folder: a new one touches a registry line, and no branch anywhere."""

import re

from support.projects import ROOT
from volant.kinds import KINDS


def test_no_module_outside_of_kinds_names_a_kind() -> None:
    source = ROOT / "src/volant"
    named = re.compile(rf"\b({'|'.join(KINDS)})\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(source)}: {line.strip()}"
        for path in sorted(source.rglob("*.py"))
        if path.parent != source / "kinds"
        for line in path.read_text("utf-8").splitlines()
        if named.search(line)
    ]
    assert found == []
