"""Features in Iceberg: the snapshot that a run read is logged, and a replay reads as of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from churn import FEATURES, ROWS, classifier, training
from lake import installed
from project import DbtProject
from scorehouse.replay import logged_run

if any(importlib.util.find_spec(name) is None for name in ("pyiceberg", "duckdb_extension_iceberg")):
    pytest.skip("run `./run test duckdb15`, which installs Iceberg", allow_module_level=True)
from iceberg_catalog import serving, sql_catalog

AGAIN = """
from scorehouse import replay_sample


def model(dbt, session):
    dbt.config(materialized="table")
    return replay_sample(dbt, session, predictions=dbt.ref("scored"), model=dbt.ref("ml_churn"))
"""


class IcebergProject(DbtProject):
    """A project whose features are a table of a catalog in its folder."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.customers = sql_catalog(folder).load_table("shop.customers")
        extensions = installed(folder, "iceberg", "avro", "httpfs")
        catalog = {"type": "iceberg", "endpoint": f"http://127.0.0.1:{port}", "authorization_type": "none"}
        output = {
            "type": "duckdb",
            "path": self.database.name,
            "config_options": {"extension_directory": str(extensions)},
            "attach": [{"path": "", "alias": "ice", "options": catalog}],
        }
        self.write("profiles.yml", yaml.safe_dump({"house": {"target": "dev", "outputs": {"dev": output}}}))
        by_path = f"iceberg_scan('{folder}/warehouse/shop/{{name}}')"
        tables = [{"name": "customers"}]
        sources = [
            {"name": "attached", "database": "ice", "schema": "shop", "tables": tables},
            {"name": "path", "meta": {"external_location": by_path}, "tables": tables},
        ]
        self.write("models/sources.yml", yaml.safe_dump({"sources": sources}))
        self.register(classifier(), "churn", training(), task="classification")
        self.write("python_models/again.py", AGAIN)

    def scored(self, source: str, door: str) -> None:
        arguments = {"key": "id", "passthrough": ["shop"], "rescore": "changed"}
        (self.sql_model if door == "sql" else self.python_model)("scored", "churn", **arguments)
        path = self.folder / ("models/scored.sql" if door == "sql" else "python_models/scored.py")
        path.write_text(path.read_text().replace("ref('features')", f"source({source!r}, 'customers')"))

    def now(self) -> int:
        """The current snapshot, also for who reads the folder, as Spark's catalog of files tells it."""
        place = Path(self.customers.refresh().metadata_location.removeprefix("file://"))
        (place.parent / "version-hint.text").write_text(place.name.removesuffix(".metadata.json"))
        return int(self.customers.metadata.current_snapshot_id)

    def last(self, columns: str) -> Any:
        return self.query(f"select {columns} from scorehouse_runs order by started_at desc limit 1")[0]


@pytest.fixture(params=["attached-sql", "path-python"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IcebergProject]:
    folder = tmp_path / "house"
    folder.mkdir()
    rows = duckdb.sql(FEATURES).to_arrow_table()
    sql_catalog(folder).create_table("shop.customers", rows.schema).append(rows)
    with serving(folder) as port:
        project = IcebergProject(folder, port)
        project.scored(*request.param.split("-"))
        yield project


def test_a_replay_reads_as_of_the_snapshot_of_the_run(
    house: IcebergProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.now()
    house.build().check()
    assert house.last("rows_in, feature_snapshot") == (ROWS, first)
    house.customers.delete("id < 100")
    more = duckdb.sql(f"select * replace (id + 1000 as id) from ({FEATURES}) where id < 5").to_arrow_table()
    house.customers.append(more)
    second = house.now()
    house.build("--select", "again").check()
    counts = "select rows_in_table, rows_compared, rows_different from again"
    assert house.query(counts) == [(ROWS, ROWS, 0)]

    house.build("--select", "scored").check()
    assert house.last("rows_in, feature_snapshot") == (5, second)
    # neither the newest snapshot, which is a branch's, nor one that was taken back
    house.customers.manage_snapshots().create_branch(second, "audit").commit()
    house.customers.append(more, branch="audit")
    assert house.now() == second
    house.build("--select", "scored").check()
    assert house.last("rows_in, feature_snapshot") == (0, second)
    house.customers.manage_snapshots().set_current_snapshot(snapshot_id=first).commit()
    assert house.now() == first
    house.build("--select", "scored").check()
    assert house.last("rows_in, rows_unchanged, feature_snapshot") == (0, ROWS, first)

    said: list[str] = []
    monkeypatch.setattr(logged_run.logger, "warning", said.append)
    house.query(f"update scorehouse_run_log set feature_snapshot = {first + 1}")
    house.build("--select", "again").check()
    assert (
        f"the Iceberg table has no snapshot {first + 1} any more; features are read as they are now"
        in said[-1]
    )
