"""MLflow's tables of versions in a SQLite file, read by the standard library: MLflow takes seconds to import.

Only tables of a known schema are read so; any other store goes through MLflow's client.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from volant.tracking.stores import sqlite_file

# Revisions of MLflow's schema; a test compares the results of this module with those of MLflow's own client.
SCHEMAS = frozenset({"dc11669786a5"})
# Settings with which MLflow reads another store, or only a part of the tables.
SETTINGS = ("MLFLOW_REGISTRY_URI", "MLFLOW_ENABLE_WORKSPACES", "MLFLOW_WORKSPACE")
TIMEOUT = 5  # seconds that a reader waits for a writer

PROMPT = "mlflow.prompt.is_prompt"  # tag of prompts: MLflow stores them in the same tables, and they are no models
NAMES = """
SELECT name FROM registered_models WHERE workspace = 'default' AND name NOT IN (
    SELECT name FROM registered_model_tags WHERE workspace = 'default' AND "key" = :prompt AND value = 'true'
) ORDER BY name
"""
MODEL = """
SELECT 'model', name, NULL FROM registered_models WHERE workspace = 'default' AND name = :name
UNION ALL
SELECT 'tag', "key", value FROM registered_model_tags WHERE workspace = 'default' AND name = :name
UNION ALL
SELECT 'alias', alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name = :name
"""
VERSIONS = """
SELECT v.version, v.creation_time, v.run_id, v.source, t."key", t.value
FROM model_versions v LEFT JOIN model_version_tags t
    ON t.workspace = v.workspace AND t.name = v.name AND t.version = v.version
WHERE v.workspace = 'default' AND v.name = :name AND v.current_stage != 'Deleted_Internal'
    AND v.name NOT IN (
        SELECT name FROM model_version_tags WHERE workspace = 'default' AND "key" = :prompt AND value = 'true'
    )
ORDER BY v.version
"""


@dataclass(frozen=True)
class StoredModel:
    """A registered model, by the names of MLflow's own."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredVersion:
    """A version of a registered model, by the names of MLflow's own."""

    name: str
    version: int
    creation_timestamp: int
    run_id: str | None
    source: str | None
    tags: dict[str, str] = field(default_factory=dict)


class Database:
    """Registered models and their versions; each call sees one state of the file, and none writes.

    Raises:
        sqlite3.Error: If the file is missing, is no database or is locked for too long.
    """

    def __init__(self, path: Path) -> None:
        self._address = f"{path.absolute().as_uri()}?mode=ro"

    def schema(self) -> str:
        """Return the revision of MLflow's schema."""
        return self._rows("SELECT version_num FROM alembic_version")[0][0]

    def names(self) -> list[str]:
        """Return the names of all registered models."""
        return [name for (name,) in self._rows(NAMES)]

    def find(self, name: str) -> StoredModel | None:
        """Return a registered model; None if there is none of that name."""
        rows = self._rows(MODEL, name)
        tags = {key: value for sort, key, value in rows if sort == "tag"}
        aliases = {key: value for sort, key, value in rows if sort == "alias"}
        exists = any(sort == "model" for sort, _, _ in rows) and tags.get(PROMPT) != "true"
        return StoredModel(name, tags, aliases) if exists else None

    def versions(self, name: str) -> list[StoredVersion]:
        """Return all versions of a registered model, oldest first."""
        versions: dict[int, StoredVersion] = {}
        for number, created, run_id, source, key, value in self._rows(VERSIONS, name):
            version = versions.setdefault(number, StoredVersion(name, number, created, run_id, source))
            if key is not None:
                version.tags[key] = value
        return list(versions.values())

    def _rows(self, query: str, name: str = "") -> list[tuple]:
        with closing(sqlite3.connect(self._address, timeout=TIMEOUT, uri=True)) as base:
            return base.execute(query, {"name": name, "prompt": PROMPT}).fetchall()


def database(uri: str) -> Database | None:
    """Return the database at an address of MLflow's; None if only MLflow itself can read it reliably."""
    path = sqlite_file(uri)
    if path is None or any(os.environ.get(name) for name in SETTINGS):
        return None
    tables = Database(path)
    try:
        return tables if tables.schema() in SCHEMAS else None
    except (sqlite3.Error, IndexError):  # MLflow repairs it or names the problem
        return None
