"""Nothing tells a person to install somebody else's package: `volant` on the package index is another project."""

import re
import tomllib

from support.projects import ROOT
from volant.workspace.distribution import NAME, installed_version, requirements

READ = (*ROOT.glob("src/**/*.py"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("conf/**/*.yaml"), ROOT / "README.md")


def test_the_name_is_the_one_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["version"]) == (NAME, installed_version())
    assert NAME != "volant"


def test_every_advice_to_install_names_it() -> None:
    advice = re.compile(r"pip install[^`\n]*|volant(?:==|\[)")
    found = [(path.name, line) for path in READ for line in advice.findall(path.read_text(encoding="utf-8"))]
    assert len(found) > 10
    assert not [line for line in found if re.search(r"(?<![\w-])volant(?:\[|==|$|\s)", line[1])]


def test_requirements_are_pinned_and_name_no_extra_that_was_not_asked_for() -> None:
    base = requirements()
    assert all("==" in line for line in base)
    assert not {line.partition("==")[0] for line in base} & {"torch", "bentoml", "gradio", "volant", NAME}
    assert {line.partition("==")[0] for line in requirements("serve")} >= {"bentoml", "numpy"}
