"""Every cleaning step runs where only the base install is: a bundle that names it must answer there."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.projects import ROOT

CODE = """
import json, sys
allowed, known = map(set, json.loads(sys.argv[1]))

class Refused:
    def find_spec(self, name, *_):
        if name.split(".")[0] in known - allowed:
            raise ModuleNotFoundError(name + " is not part of the base install", name=name)

sys.meta_path.insert(0, Refused())
from volant.cleaning import STEPS, clean_texts, parse_steps

for name in STEPS:
    arguments = {"max_chars": 9} if name == "drop_long" else {}
    print(name, clean_texts(["<b>Movies</b> were moving"], parse_steps([{name: arguments}])))
"""


def base_install() -> set[str]:
    """The packages that `pip install volant-nlp` brings, without any extra."""
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    waiting, found = [Requirement(line) for line in tree["project"]["dependencies"]], set[str]()
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in found:
            found.add(name)
            needed = [Requirement(line) for line in requires(name) or []]
            waiting += [one for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


def test_every_step_runs_on_the_base_install() -> None:
    base, modules = {*base_install(), "volant-nlp"}, packages_distributions()
    allowed = [module for module, owners in modules.items() if base & set(map(canonicalize_name, owners))]
    assert {"torch", "mlflow", "dvc"}.isdisjoint(allowed)
    given = json.dumps([allowed, list(modules)])
    done = subprocess.run([sys.executable, "-c", CODE, given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stem ['<b>movi</b> were move']" in done.stdout
