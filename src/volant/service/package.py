"""Packaging of a service: bundles in BentoML's model store, and a bento that serves them without the project.

The bento contains Volant's own source and the pinned packages that serving needs: no torch, MLflow or DVC.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

import volant
from volant.bundle.bundle import Bundle
from volant.errors import VolantError, did_you_mean
from volant.service.settings import FILE
from volant.workspace.distribution import requirements

BENTOFILE = Path("bentofile.yaml")
DEFAULT: dict[str, Any] = {
    "service": "volant.service:Volant",
    "name": "volant",
    "docker": {"distro": "debian", "python_version": "3.11"},
}
PREFIX = "volant-"
INSIDE = "bundle"  # a folder of its own, as BentoML adds a file to a model's folder, and a bundle refuses unknown files
EXTRAS = ("ui", "s3", "otel", "azure")
TRAINING = ("torch", "mlflow", "dvc", "transformers", "hydra", "optuna", "datasets")


@dataclass(frozen=True)
class Package:
    """A packaged service: a bento in BentoML's store.

    Attributes:
        tag: Tag in BentoML's store.
        folder: Folder of the bento.
        models: Tags of its models.
        containerfile: Containerfile for `bentoml containerize`.
        packages: Packages that it installs.
    """

    tag: str
    folder: Path
    models: list[str]
    containerfile: Path
    packages: list[str]


def pack(bundles: Mapping[str, tuple[Path, str]], root: Path = Path(), extras: Sequence[str] = ()) -> Package:
    """Add bundles to BentoML's model store and build a bento that serves them.

    Args:
        bundles: Folder of the bundle and version, by flywheel.
        root: The project's root, whose `bentofile.yaml` and `service.yaml` are used.
        extras: Optional features, from `EXTRAS`.

    Raises:
        VolantError: If a bundle is invalid, BentoML can't build, or an extra is unknown or not installed.
    """
    if unknown := [extra for extra in extras if extra not in EXTRAS]:
        hint = did_you_mean(unknown[0], EXTRAS)
        raise VolantError(f"'{unknown[0]}' is not a valid extra of a package.{hint} Allowed: {', '.join(EXTRAS)}.")
    bentofile = _bentofile(root, requirements("serve", *extras))
    models = [_store(name, folder, number) for name, (folder, number) in bundles.items()]
    with TemporaryDirectory(prefix="volant-") as work:
        context = Path(work)
        source = Path(volant.__file__).parent
        shutil.copytree(source, context / "volant", ignore=shutil.ignore_patterns("__pycache__"))
        if (root / FILE).is_file():
            shutil.copy(root / FILE, context / FILE)
        (context / BENTOFILE).write_text(yaml.safe_dump({**bentofile, "models": models}), encoding="utf-8")
        command = [sys.executable, "-m", "bentoml", "build", "--output", "tag", str(context)]
        build = subprocess.run(command, capture_output=True, text=True, cwd=context, check=False)  # noqa: S603
    tag = re.search(r"__tag__:(\S+)", build.stdout)
    if build.returncode or not tag:
        raise VolantError(f"BentoML failed to build the package:\n{build.stderr.strip()[-2000:]}")
    return _package(tag[1], models, bentofile["python"]["packages"])


def check(folder: Path) -> list[str]:
    """Return the problems of a bento's Containerfile that can be found without a container engine."""
    docker = folder / "env/docker/Dockerfile"
    text = docker.read_text(encoding="utf-8") if docker.is_file() else ""
    needed = ("FROM", "ENTRYPOINT", "USER")
    problems = [f"it has no {word}" for word in needed if not re.search(rf"^{word} ", text, re.M)]
    for line in re.findall(r"^COPY (.*)$", text, re.M):
        sources = [word for word in line.split()[:-1] if not word.startswith("--")]
        problems += [f"it copies '{path}', which does not exist" for path in sources if not (folder / path).exists()]
    packages = (folder / "env/python/requirements.txt").read_text(encoding="utf-8")
    names = {_name(line) for line in packages.splitlines()}
    return problems + [f"it installs {name}, which only training needs" for name in TRAINING if name in names]


def packaged(service: Any) -> dict[str, tuple[Path, str]]:
    """Return the bundles and versions of the bento that is being served, by flywheel; empty if it is not a bento."""
    if service.bento is None:
        return {}
    bundles = {}
    for info in service.bento.info.all_models:
        folder = Path(info.to_model().resolve().path) / INSIDE
        if info.tag.name.startswith(PREFIX):
            name, _, number = (folder / "../which").read_text(encoding="utf-8").partition("/")
            bundles[name] = (folder, number)
    return bundles


def _store(flywheel: str, folder: Path, number: str) -> str:
    import bentoml

    bundle = Bundle.load(folder)
    labels = {"flywheel": flywheel.lower(), "digest": bundle.manifest["digest"][:12]}
    with bentoml.models.create(f"{PREFIX}{flywheel.lower()}", labels=labels) as model:
        shutil.copytree(folder, Path(model.path) / INSIDE)
        (Path(model.path) / "which").write_text(f"{flywheel}/{number}", encoding="utf-8")
    return str(model.tag)


def _bentofile(root: Path, packages: list[str]) -> dict[str, Any]:
    """Return the project's bentofile with the packages of the service; the project's version of a package wins."""
    path = root / BENTOFILE
    tree = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else DEFAULT
    python = tree.get("python") or {}
    own = list(python.get("packages") or [])
    names = {_name(line) for line in own}
    merged = sorted([*own, *(line for line in packages if _name(line) not in names)])
    return {
        **tree,
        "include": ["volant/**", FILE],
        "python": {"lock_packages": False, **python, "packages": merged},
    }


def _name(requirement: str) -> str:
    """Return the normalised name of a requirement.

    Example:
        >>> _name("Opentelemetry_SDK[x]>=1; sys_platform != 'win32'")
        'opentelemetry-sdk'
    """
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;@ \[]", requirement.strip(), maxsplit=1)[0].lower())


def _package(tag: str, models: list[str], packages: list[str]) -> Package:
    import bentoml

    folder = Path(bentoml.get(tag).path)
    if problems := check(folder):
        raise VolantError(f"The container file of {tag} is not valid: {'; '.join(problems)}.")
    return Package(tag, folder, models, folder / "env/docker/Dockerfile", packages)
