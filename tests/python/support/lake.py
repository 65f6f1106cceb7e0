"""A project on a DuckLake: as the target database, or attached beside a DuckDB file."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml

from churn import FEATURES, classifier, training
from foreign import ForeignProject
from project import DbtProject, Row

needs_lake = pytest.mark.skipif(
    importlib.util.find_spec("duckdb_extension_ducklake") is None,
    reason="run `./run test duckdb15`, which installs DuckLake",
)


class LakeProject(DbtProject):
    """A project whose target database is the lake `lake`, or a DuckDB file with the lake beside it."""

    def __init__(self, folder: Path, *, beside: bool = False) -> None:
        super().__init__(folder)
        self.settings_of_duckdb = attach(self, beside=beside)
        self.register(classifier(), "churn", training(), task="classification")
        self.features(FEATURES)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection of which the lake is the default database."""
        connection = duckdb.connect(config=dict(self.settings_of_duckdb))
        connection.execute(f"attach 'ducklake:{self.folder}/lake.ducklake' as lake; use lake")
        return connection

    def query(self, sql: str) -> list[Row]:
        with self.connect() as connection:
            return connection.sql(sql).fetchall()

    def logged(self) -> list[Row]:
        select = "select status, write_mode, rows_in from {} order by started_at"
        # the row that a run began with stays in a lake
        assert ("started", None, None) in self.query(select.format("scorehouse_run_log"))
        return self.query(select.format("scorehouse_runs"))


def attach(project: DbtProject | ForeignProject, *, beside: bool) -> dict[str, str]:
    """Attach the lake `lake` in the project's profile; returns the settings of DuckDB that it needs."""
    settings = {"extension_directory": str(installed(project.folder))}
    lake = {"path": f"ducklake:{project.folder}/lake.ducklake", "alias": "lake"}
    output = {
        "type": "duckdb",
        "path": project.database.name if beside else ":memory:",
        "threads": 2 if beside else 1,
    }
    output |= {"attach": [lake], "config_options": settings}
    output |= {} if beside else {"database": "lake"}
    project.write("profiles.yml", yaml.safe_dump({"house": {"target": "dev", "outputs": {"dev": output}}}))
    return settings


def installed(folder: Path, *names: str) -> Path:
    """A folder of extensions, by default with DuckLake in it, as `duckdb.install_extension` would make it."""
    (platform,) = duckdb.sql("pragma platform").fetchall()[0]
    place = folder / "extensions" / f"v{duckdb.__version__}" / platform
    place.mkdir(parents=True)
    for name in names or ("ducklake",):
        package = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert package is not None and package.origin is not None
        (file,) = Path(package.origin).parent.rglob(f"{name}.duckdb_extension")
        shutil.copy(file, place)
    return folder / "extensions"
