"""The README says what is so."""

import re

from stage_table import with_table
from support.projects import ROOT


def test_the_table_of_stages_is_that_of_the_pipeline() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert with_table(readme, (ROOT / "dvc.yaml").read_text("utf-8")) == readme


def test_links_and_pictures_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_make_target_that_the_readme_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^\s+make ([a-z0-9]+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    assert len(named) >= 6
    assert named <= targets
