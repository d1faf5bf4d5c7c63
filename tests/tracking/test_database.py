"""The tables read without MLflow say what MLflow's own client says; where that is not sure, MLflow is asked."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from volant.errors import VolantError
from volant.tracking import ledger_store
from volant.tracking.database import SCHEMAS, Database, database
from volant.tracking.existing import reading
from volant.tracking.reader import Reader
from volant.tracking.registry import Registry, registry
from volant.tracking.stores import address

NAMES = ("reviews", "reviews.ledger", "other", "prompt", "nothing")


@pytest.fixture
def lived(filled: Registry) -> Registry:
    """Three versions with every kind of decision; one deleted, a model of somebody else's, a prompt."""
    filled.approve("reviews", 1, note="it's 'quoted' – ü", by="ann")
    filled.promote("reviews", 1, by="ann")
    filled.annotate("reviews", 2, None, {"test": "abc", "scores": {"macro_f1": 0.5}})
    filled.reject("reviews", 2, reasons=["too slow"], by="bob")
    filled.approve("reviews", 3, by="bob")
    filled.promote("reviews", 3, by="bob")
    filled.rollback("reviews", by="ann")
    client = filled._client
    client.delete_model_version("reviews", "3")
    client.create_registered_model("other", tags={"owner": "carol"})
    client.create_model_version("other", "file:///somewhere", tags={"a": "b"})
    client.register_prompt("prompt", "Say {{ something }}.")
    return filled


def plain(version: Any) -> tuple:
    tags = {key: version.tags[key] for key in sorted(version.tags)}
    return version.name, int(version.version), version.creation_timestamp, version.run_id, version.source, tags


def test_it_reads_what_mlflow_reads(lived: Registry, root: Path) -> None:
    client = lived._client
    tables = database(address(root))
    assert tables is not None
    assert sorted(tables.names()) == sorted(ledger_store.names(client)) == ["other", "reviews", "reviews.ledger"]
    for name in NAMES:
        stored = [plain(version) for version in tables.versions(name)]
        assert stored == [plain(version) for version in ledger_store.everything(client, name)]
        model, other = tables.find(name), ledger_store.find(client, name)
        assert (model is None) == (other is None) == (name in ("nothing", "prompt"))
        if model and other:
            aliases = {alias: int(number) for alias, number in other.aliases.items()}
            assert (model.name, model.tags, model.aliases) == (other.name, other.tags, aliases)
    assert [version.version for version in tables.versions("reviews")] == [1, 2]


def test_versions_and_decisions_are_the_same(lived: Registry, root: Path) -> None:
    with reading(root) as reader:
        assert type(reader) is Reader
        for call in ("versions", "history", "state", "champion", "lost", "knows"):
            assert getattr(reader, call)("reviews") == getattr(lived, call)("reviews"), call
        assert reader.flywheels() == lived.flywheels() == ["other", "reviews"]
        assert reader.get("reviews", 2) == lived.get("reviews", 2)
        assert not reader.knows("nothing")
        assert reader.versions("nothing") == reader.history("nothing") == []


def test_a_decision_is_seen_at_once(filled: Registry, root: Path) -> None:
    with reading(root) as reader:
        assert reader.champion("reviews") is None
        filled.approve("reviews", 1)
        filled.promote("reviews", 1)
        champion = reader.champion("reviews")
    assert champion is not None
    assert champion.number == 1


def test_tampering_is_seen_without_mlflow_too(filled: Registry, root: Path) -> None:
    filled._client.set_model_version_tag("reviews.ledger", "2", ledger_store.TAG, "{}")
    with pytest.raises(VolantError, match="was tampered with: entry 2 was changed"), reading(root) as reader:
        reader.history("reviews")


def another_schema(path: Path) -> None:
    with sqlite3.connect(path) as base:
        base.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")


def no_database(path: Path) -> None:
    path.write_text("no database")


@pytest.mark.parametrize("spoil", [another_schema, no_database, Path.unlink])
def test_what_is_not_known_goes_through_mlflow(spoil: Callable[[Path], None], tables: Path, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(tables.read_bytes())
    assert database(f"sqlite:///{path}") is not None
    spoil(path)
    assert database(f"sqlite:///{path}") is None


@pytest.mark.parametrize("name", ["MLFLOW_REGISTRY_URI", "MLFLOW_WORKSPACE", "MLFLOW_ENABLE_WORKSPACES"])
def test_a_setting_that_moves_the_registry_goes_through_mlflow(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database(address(root)) is not None
    monkeypatch.setenv(name, "true")
    assert database(address(root)) is None


def test_a_server_goes_through_mlflow(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert database(address(root)) is None
    with pytest.raises(VolantError, match=r"The registry at http://127\.0\.0\.1:9 can't be used"), reading(root):
        pass


def test_the_tables_of_this_mlflow_are_known(tables: Path) -> None:
    assert Database(tables).schema() in SCHEMAS


@pytest.mark.usefixtures("filled")
def test_a_failure_while_reading_is_told(root: Path) -> None:
    failing = pytest.raises(VolantError, match=r"The registry at sqlite:.* failed .*unable to open database file")
    with failing, reading(root) as reader:
        (root / "mlflow.db").rename(root / "elsewhere.db")
        reader.versions("reviews")


@pytest.mark.parametrize("verb", ["versions", "history"])
@pytest.mark.usefixtures("filled")
def test_the_verbs_that_read_do_without_mlflow(verb: str, root: Path) -> None:
    heavy = ["mlflow", "sqlalchemy", "pandas", "dvc", "hydra"]
    code = (
        f"import atexit, sys\nsys.argv = ['volant', '{verb}', 'reviews']\n"
        f"atexit.register(lambda: print('LOADED', [name for name in {heavy} if name in sys.modules]))\n"
        "from volant.cli import app\napp()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.usefixtures("filled")
def test_reading_leaves_the_file_as_it_is(root: Path) -> None:
    before = (root / "mlflow.db").read_bytes()
    with reading(root) as reader, registry(root) as opened:
        assert reader.versions("reviews") == opened.versions("reviews")
    assert (root / "mlflow.db").read_bytes() == before
