"""SQL Server and Fabric: `predict()` as dbt prints it with the macros of their adapters, run by DuckDB.

No engine of T-SQL is on a package index; `support/transact.py` says what stands in for one.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

pytest.importorskip("sqlglot", reason="the extra `sql` is not installed")
from dialects.project import ProjectOfDialects, unpack_adapters
from project import DbtProject
from transact import in_duckdb

pytestmark = pytest.mark.foreign
WHEELS = ["dbt-fabric==1.12.0", "dbt-sqlserver==1.12.1"]
KINDS = ["fabric", "sqlserver"]
VARIABLES = {"scorehouse_compiled_sql": {"dialects": ["duckdb", "fabric"]}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, record_testsuite_property: Any) -> DbtProject:
    for wheel in WHEELS:
        record_testsuite_property(*wheel.split("=="))  # no packages: their wheels are unpacked
    project = DbtProject(tmp_path_factory.mktemp("transact") / "house", variables=VARIABLES)
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"it's": rng.normal(size=500).round(2), "plan": rng.choice(["a", "Zürich"], 500)})
    estimator = make_pipeline(
        ColumnTransformer([("plan", OneHotEncoder(), ["plan"])], remainder="passthrough"),
        GradientBoostingClassifier(n_estimators=5),
    )
    y = np.where(X["it's"] + (X["plan"] == "a") > 0.5, "ja", "für später")
    project.register(estimator.fit(X, y), "leaving", X, y, task="classification")
    rows = X.assign(id=range(500), plan=[None if i % 50 == 0 else plan for i, plan in enumerate(X["plan"])])
    rows.loc[1::50, "plan"] = "A"
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), project.folder / "rows.parquet")
    project.features("select * from 'rows.parquet'")
    call = "scorehouse.predict('leaving', ref('features'), keep=['id'])"
    project.features(f"select * from {{{{ {call} }}}} as scored", name="predicted")
    call = "scorehouse.predict('leaving', ref('features'), keep=['id'], reasons=2)"
    project.features(f"select * from {{{{ {call} }}}} as scored", name="explained")
    project.sql_model("refused", "leaving", key="id")
    unpack_adapters(project.folder, WHEELS)
    outputs = {kind: {"type": kind, "path": "house.duckdb"} for kind in ("duckdb", *KINDS)}
    project.write("profiles.yml", yaml.safe_dump({"house": {"target": "duckdb", "outputs": outputs}}))
    project.build("--select", "ml_leaving", "features", "predicted").check()
    return project


@pytest.mark.parametrize("kind", KINDS)
def test_predict_gives_the_rows_of_duckdb(kind: str, project: DbtProject) -> None:
    ended = ProjectOfDialects(project.folder).dbt(kind, "compile", "--select", "predicted")
    assert not ended["problem"]
    node = ended["nodes"]["predicted"]
    assert node["status"] == "success", node["message"]
    assert "Latin1_General_100_BIN2_UTF8" in node["sql"] and "with " not in node["sql"]
    with duckdb.connect(str(project.database)) as database:
        found = database.execute(f"from ({in_duckdb(node['sql'])}) order by id").fetchall()
    assert found == project.query("from predicted order by id")
    assert {row[1] for row in found} == {"ja", "für später", None}
    assert {row[-1] for row in found} == {None, "null:plan", "unseen_category:plan=A"}


@pytest.mark.parametrize("kind", KINDS)
def test_scored_and_reasons_are_refused_in_words(kind: str, project: DbtProject) -> None:
    dialect = ProjectOfDialects(project.folder)
    message = dialect.dbt(kind, "run", "--select", "refused")["nodes"]["refused"]["message"]
    assert f"there are no prediction tables on {kind}" in message
    assert "scorehouse.predict('leaving', relation=ref('<features>'))" in message
    assert "has no reasons in SQL" in dialect.dbt(kind, "compile", "--select", "explained")["problem"]


def test_seeds_have_texts_of_any_length(project: DbtProject) -> None:
    """In T-SQL, `varchar` is one character."""
    types = {"fabric": "varchar(max)", "sqlserver": "nvarchar(max)"}
    for kind, wanted in types.items():
        listed = ProjectOfDialects(project.folder)
        listed.dbt(kind, "parse")
        manifest = project.folder / "target" / kind / "manifest.json"
        seeds = yaml.safe_load(manifest.read_text())["nodes"]
        assert seeds["seed.house.ml_leaving"]["config"]["column_types"]["program"] == wanted
