"""Parquet in, Parquet out on DuckDB: prediction files that other systems read, logged and conserved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject

ROWS = 5000
FEATURES = (
    "select i as id, case when i % 50 <> 25 then i % 100 / 10e0 end as a, i % 70 / 10e0 as b, "
    "date '2025-01-01' + cast(i % 3 as integer) as day from range({rows}) as t(i)"
)
SINGLE = "materialized='external', location='{folder}/single.parquet'"
PARTED = (
    "materialized='external', location='{folder}/parted', "
    "options={{'partition_by': 'day', 'overwrite': True}}"
)
WHAT = ["id", "prediction", "score", "row_status", "reject_reason", "model_digest"]


def write_features(folder: Path, rows: int, broken: int = 0) -> None:
    sql = FEATURES.format(rows=rows)
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * replace (if(id < {broken}, null, a) as a) from ({sql})) to '{folder}/in' "
            "(format parquet, partition_by (day), overwrite true)"
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    folder = tmp_path_factory.mktemp("lake")
    made = DbtProject(folder / "house")
    X = pd.DataFrame(np.random.default_rng(0).uniform(0, 10, (300, 2)), columns=["a", "b"])
    made.register(LogisticRegression().fit(X, X["a"] > 5), "risk", X, X["a"] > 5, task="classification")
    write_features(folder, ROWS)
    made.features(f"select * from read_parquet('{folder}/in/*/*.parquet', hive_partitioning = true)")
    arguments: dict[str, Any] = {"key": "id", "passthrough": ["day"], "max_rejected_share": 0.1}
    made.python_model("kept", "risk", **arguments)
    for name, config in (("single", SINGLE), ("parted", PARTED)):
        made.python_model(name, "risk", config=config.format(folder=folder), **arguments)
    exported = f"{{{{ config(materialized='external', location='{folder}/exported.parquet') }}}}"
    made.write("models/exported.sql", f"{exported}\nselect * from {{{{ ref('kept') }}}}\n")
    made.build().check()
    return made


def landed(project: DbtProject, name: str) -> pd.DataFrame:
    """The files as a reader without DuckDB sees them."""
    place = project.folder.parent / (name if name == "parted" else f"{name}.parquet")
    dataset = ds.dataset(place, format="parquet", partitioning="hive")
    return frame(dataset.to_table(columns=WHAT).sort_by("id"))


def frame(table: pa.Table) -> pd.DataFrame:
    """Whole columns of one type each: an enum is read back as a text."""
    status = table.column("row_status").cast(pa.string())
    return table.set_column(table.schema.get_field_index("row_status"), "row_status", status).to_pandas()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["single", "parted", "exported"])
def test_the_files_hold_the_predictions(project: DbtProject, name: str) -> None:
    with duckdb.connect(project.database, read_only=True) as connection:
        expected = frame(connection.sql(f"select {', '.join(WHAT)} from kept order by id").to_arrow_table())
        through_view = connection.sql(f"select count(*), count(distinct day) from {name}").fetchall()
    found = landed(project, name)
    pd.testing.assert_frame_equal(found, expected)
    assert through_view == [(ROWS, 3)]


@pytest.mark.parametrize("name", ["single", "parted"])
def test_the_run_is_logged(project: DbtProject, name: str) -> None:
    run, kept = project.runs(name)[0], project.runs("kept")[0]
    files = landed(project, name)
    assert (run["status"], run["rows_in"]) == ("success", len(files))
    assert run["rows_rejected"] == (files["row_status"] == "rejected").sum() == ROWS // 50
    assert json.loads(run["reject_reasons"]) == {"null:a": ROWS // 50}
    assert run["input_fingerprint"] == kept["input_fingerprint"]


def test_partitions_are_folders(project: DbtProject) -> None:
    folders = sorted(path.name for path in (project.folder.parent / "parted").iterdir())
    assert folders == ["day=2025-01-01", "day=2025-01-02", "day=2025-01-03"]


def test_a_failed_run_leaves_the_old_files(project: DbtProject) -> None:
    before = {name: landed(project, name) for name in ("single", "parted")}
    write_features(project.folder.parent, ROWS, broken=ROWS // 2)
    build = project.build("--select", "features", "single", "parted")
    for name, old in before.items():
        assert build.statuses[name] == "error"
        assert "were rejected" in build.messages[name]
        pd.testing.assert_frame_equal(landed(project, name), old)
        assert [run["status"] for run in project.runs(name)] == ["success", "failed"]


def test_a_smaller_run_leaves_no_old_partition(project: DbtProject) -> None:
    write_features(project.folder.parent, 2)  # two rows, two days
    project.build("--select", "features", "single", "parted").check()
    for name in ("single", "parted"):
        assert landed(project, name)["id"].tolist() == [0, 1]
    assert len(list((project.folder.parent / "parted").rglob("*.parquet"))) == 2
