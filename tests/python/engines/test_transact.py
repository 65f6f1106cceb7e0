"""SQL Server and Fabric: `predict()` as dbt prints it with the macros of their adapters, run by DuckDB.

No engine of T-SQL is on a package index; `support/transact.py` says what stands in for one. The parser of
Microsoft's own tools is.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path
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
from compile_kernel import kernel_of
from dialects.project import ProjectOfDialects, unpack_adapters
from microsoft_parser import MicrosoftParser
from project import DbtProject
from scorehouse.program.sql.compile import compile_sql
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


@pytest.fixture(scope="module")
def printed(project: DbtProject) -> dict[str, str]:
    """The SQL of `predicted` for each database."""
    texts = {}
    for kind in KINDS:
        ended = ProjectOfDialects(project.folder).dbt(kind, "compile", "--select", "predicted")
        assert not ended["problem"]
        node = ended["nodes"]["predicted"]
        assert node["status"] == "success", node["message"]
        texts[kind] = node["sql"]
    return texts


@pytest.mark.parametrize("kind", KINDS)
def test_predict_gives_the_rows_of_duckdb(kind: str, project: DbtProject, printed: dict[str, str]) -> None:
    assert "Latin1_General_100_BIN2_UTF8" in printed[kind] and "with " not in printed[kind]
    with duckdb.connect(str(project.database)) as database:
        found = database.execute(f"from ({in_duckdb(printed[kind])}) order by id").fetchall()
    assert found == project.query("from predicted order by id")
    assert {row[1] for row in found} == {"ja", "für später", None}
    assert {row[-1] for row in found} == {None, "null:plan", "unseen_category:plan=A"}


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftParser]:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the wheel is for Linux on x86-64")
    parser = MicrosoftParser(tmp_path_factory.mktemp("parser"))
    yield parser
    parser.close()


@pytest.mark.capability("parses")
def test_microsofts_parser_reads_what_dbt_prints(printed: dict[str, str], parser: MicrosoftParser) -> None:
    assert [parser.faults(printed[kind]) for kind in KINDS] == [[], []]
    assert parser.faults("select a || 'b' as c from t") == ["Incorrect syntax near '|'."]


@pytest.mark.capability("parses")
@pytest.mark.parametrize("name", ["parts of dates", "FunctionTransformer log sqrt abs", "KMeans"])
def test_microsofts_parser_reads_families(name: str, parser: MicrosoftParser, cases: Path) -> None:
    _, kernel = kernel_of(name, cases, program=False)
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "sqlserver")
    assert parser.faults(compiled.text) == []


@pytest.mark.parametrize("kind", KINDS)
def test_scored_and_reasons_are_refused_in_words(kind: str, project: DbtProject) -> None:
    dialect = ProjectOfDialects(project.folder)
    message = dialect.dbt(kind, "run", "--select", "refused")["nodes"]["refused"]["message"]
    assert f"there are no prediction tables on {kind}" in message
    assert "scorehouse.predict('leaving', relation=ref('<features>'))" in message
    assert "has no reasons in SQL" in dialect.dbt(kind, "compile", "--select", "explained")["problem"]


@pytest.mark.usefixtures("printed")
def test_seeds_have_texts_of_any_length(project: DbtProject) -> None:
    """In T-SQL, `varchar` is one character."""
    for kind, wanted in {"fabric": "varchar(max)", "sqlserver": "nvarchar(max)"}.items():
        manifest = json.loads((project.folder / "target" / kind / "manifest.json").read_text())
        assert manifest["nodes"]["seed.house.ml_leaving"]["config"]["column_types"]["program"] == wanted
