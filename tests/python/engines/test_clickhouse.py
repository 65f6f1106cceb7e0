"""ClickHouse: compiled SQL on its own engine, embedded in this process: `./run test clickhouse`.

No server of ClickHouse is needed, and none was tried. The select of `predict()` is what dbt prints with the
macros of ClickHouse's adapter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

pytest.importorskip("chdb", reason="run `./run test clickhouse`")
import chdb

from clickhouse.parity import SETTING, clickhouse_parity
from compile_cases import CASES
from compile_kernel import kernel_of
from dialects.project import ProjectOfDialects, unpack_adapters
from linear_reasons import columns_of, explained_rows
from project import DbtProject

pytestmark = pytest.mark.foreign
WHEEL = "dbt-clickhouse==1.10.3"
VARIABLES = {"scorehouse_compiled_sql": {"dialects": ["duckdb", "clickhouse"]}}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_kernel(name: str, cases: Path, tmp_path: Path) -> None:
    frame, kernel = kernel_of(name, cases, program=False)
    parity = clickhouse_parity(tmp_path, frame, kernel)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity


def customers() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"id": range(500), "it's": rng.normal(size=500), "visits": rng.random(500)})
    frame.loc[::50, "visits"] = np.nan
    return frame


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, record_testsuite_property: Any) -> DbtProject:
    record_testsuite_property(*WHEEL.split("=="))  # no package: its wheel is unpacked
    project = DbtProject(tmp_path_factory.mktemp("clickhouse") / "house", variables=VARIABLES)
    frame = customers().dropna()
    X = frame[["it's", "visits"]]
    y = np.where(X["visits"] > 0.5, "yes", "no")
    project.register(LogisticRegression().fit(X, y), "leaving", X, y, task="classification")
    pq.write_table(pa.Table.from_pandas(customers(), preserve_index=False), project.folder / "rows.parquet")
    project.features("select * from 'rows.parquet'")
    call = "scorehouse.predict('leaving', ref('features'), keep=['id'])"
    project.features(f"select * from {{{{ {call} }}}} as scored", name="predicted")
    call = "scorehouse.predict('leaving', ref('features'), keep=['id'], reasons=3)"
    project.features(f"select * from {{{{ {call} }}}} as scored", name="explained")
    project.sql_model("refused", "leaving", key="id")
    call = "scorehouse.predict('leaving', 'f' ~ ' ' * 300000, keep=['id'])"
    project.features(
        f"with f as (select * from {{{{ ref('features') }}}}) select * from {{{{ {call} }}}} as scored",
        name="too_long",
    )
    unpack_adapters(project.folder, [WHEEL])
    # ClickHouse has no databases above schemas; DuckDB, which answers here, has
    name = "{% macro generate_database_name(name=none, node=none) %}{{ return('house') }}{% endmacro %}"
    project.write("macros/generate_database_name.sql", name)
    outputs = {kind: {"type": kind, "path": "house.duckdb"} for kind in ("duckdb", "clickhouse")}
    project.write("profiles.yml", yaml.safe_dump({"house": {"target": "duckdb", "outputs": outputs}}))
    project.build("--select", "ml_leaving", "features", "predicted", "explained").check()
    return project


def on_clickhouse(project: DbtProject, model: str) -> list[dict[str, Any]]:
    """The rows of a model, as dbt prints it for ClickHouse."""
    ended = ProjectOfDialects(project.folder).dbt("clickhouse", "compile", "--select", model)
    node = ended["nodes"][model]
    assert node["status"] == "success", node["message"]
    assert '"house"."main"."features"' in node["sql"]
    sql = node["sql"].replace(
        '"house"."main"."features"', f"file('{project.folder / 'rows.parquet'}', Parquet)"
    )
    return list(
        chdb.query(f"select * from ({sql}) as scored order by id {SETTING}", "ArrowTable").to_pylist()
    )


def test_predict_gives_the_rows_of_duckdb(project: DbtProject) -> None:
    found = on_clickhouse(project, "predicted")
    names = list(project.columns("predicted"))
    expected = [dict(zip(names, row, strict=True)) for row in project.query("from predicted order by id")]
    assert len(found) == len(expected) == 500 and list(found[0]) == names
    for here, there in zip(found, expected, strict=True):
        for name, value in there.items():
            assert here[name] == (pytest.approx(value, abs=1e-12) if isinstance(value, float) else value)


@pytest.mark.capability("reasons")
def test_reasons_are_those_of_the_runtime(project: DbtProject) -> None:
    """Two features and three reasons; rows without a number have none."""
    found = [[row[name] for name in columns_of("")] for row in on_clickhouse(project, "explained")]
    assert explained_rows(project.folder, "leaving", customers()[["it's", "visits"]], found) == 490


def test_a_statement_that_is_too_long_is_refused(project: DbtProject) -> None:
    ended = ProjectOfDialects(project.folder).dbt("clickhouse", "compile", "--select", "too_long")
    assert "at most 262144, which is the limit of clickhouse" in ended["problem"]


def test_scored_is_refused_in_words(project: DbtProject) -> None:
    ended = ProjectOfDialects(project.folder).dbt("clickhouse", "run", "--select", "refused")
    message = ended["nodes"]["refused"]["message"]
    assert "there are no prediction tables on clickhouse" in message
    assert "scorehouse.predict('leaving', relation=ref('<features>'))" in message
