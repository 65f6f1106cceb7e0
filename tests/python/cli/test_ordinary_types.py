"""A feature table of DuckDB's ordinary types: commands alone lead from init to the prediction table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import joblib
import numpy as np
import pytest
import yaml

import scorehouse
from project import REPOSITORY
from scorehouse.registry.seeds import ModelSeeds

ROWS = 600
ORDERS = f"""
create table orders as
select
    i as order_id,
    (i % 100)::tinyint as units,
    case when i % 13 = 0 then null else (i % 250)::utinyint end as points,
    (i % 60000)::usmallint as stock,
    (i * 37 % 1000)::decimal(9, 2) / 3 as price,
    case when i % 17 = 0 then null else (i * 7 % 500)::decimal(18, 3) end as discount,
    case when i % 5 = 0 then null else i % 3 = 0 end as gift,
    i % 4 = 0 as express,
    case when i % 19 = 0 then null else date '2024-01-01' + (i * 11 % 300)::integer end as ordered,
    timestamp '2024-02-01 06:30:00' + to_hours(i * 5 % 999) as shipped,
    timestamptz '2024-02-01 06:30:00+00' + to_minutes(i) as seen,
    ['north', 'south', 'east'][1 + i % 3]::enum('north', 'south', 'east') as region,
    case when i % 23 = 0 then null else 'note ' || i % 7 end as note,
    (i % 11)::float / 3 as weight,
    (i * 7919 % 100) + 40 * (i % 3 = 0)::integer > 60 as late
from range({ROWS}) as numbers(i)
"""
FEATURES = """
{{ config(materialized='table') }}
select *, sum(units) over (partition by stock % 9) as total_units, count(*) over () as orders
from main.orders
"""


def run(*command: str, folder: Path) -> str:
    """A command of this environment, as a user types it; its output."""
    name, *arguments = command
    program = [sys.executable] if name == "python" else [str(Path(sys.executable).with_name(name))]
    # a user's shell knows nothing of the project that `./run` works in
    settings = {key: value for key, value in os.environ.items() if not key.startswith("DBT_PRO")}
    ended = subprocess.run([*program, *arguments], cwd=folder, env=settings, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_init_trains_and_scores_ordinary_types(tmp_path: Path) -> None:
    """A class and a DECIMAL are predicted from all of the other columns."""
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: shop\nversion: 1.0.0\nprofile: shop\n")
    target = {"type": "duckdb", "path": "shop.duckdb", "threads": 2}
    profile = {"shop": {"target": "dev", "outputs": {"dev": target}}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profile))
    (tmp_path / "models" / "order_features.sql").write_text(FEATURES)
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute(ORDERS)
    options = ("--features", "order_features", "--key", "order_id")
    labels = {"classification": "late", "regression": "price"}
    for task, label in labels.items():
        asked = ("--label", label, "--task", task, "--package", str(REPOSITORY), "--yes")
        run("scorehouse", "init", f"order_{label}", *options, *asked, folder=tmp_path)
    run("dbt", "deps", folder=tmp_path)
    run("dbt", "build", "--select", "order_features", folder=tmp_path)
    for label in labels.values():
        run("python", f"ml/train_order_{label}.py", "shop.duckdb", folder=tmp_path)
        run("scorehouse", "scaffold", "predictions", f"order_{label}", *options, "--yes", folder=tmp_path)
    run("dbt", "build", folder=tmp_path)
    for label in labels.values():
        check(tmp_path, f"order_{label}")


def check(folder: Path, name: str) -> None:
    """Every row has the prediction that the estimator makes of the frame that the script reads.

    A backend without the estimator makes it, and can say why.
    """
    (version,) = ModelSeeds(folder, name).versions()
    assert {"native", "sql", "reasons"} <= set(version.program)
    estimator = joblib.load(folder / version.artifact)
    with duckdb.connect(folder / "shop.duckdb") as connection:
        found = connection.sql(f"from {name}_predictions order by order_id").df()
        rows = scorehouse.read_training(connection.sql("from order_features order by order_id"))
    X = rows[list(estimator.feature_names_in_)]
    assert found["row_status"].tolist() == ["scored"] * ROWS
    assert found["prediction"].tolist() == estimator.predict(X).tolist()
    log = folder / "shop.duckdb"
    with duckdb.connect(log) as connection:
        backends = connection.sql(
            f"select backend from scorehouse_run_log where node like '%.{name}_predictions'"
        )
        assert {backend for (backend,) in backends.fetchall()} <= {"native", "sql"}
    if "score" in found:
        assert np.abs(found["score"] - estimator.predict_proba(X)[:, 1]).max() < 1e-12
