"""Online scoring by programs: the rows of the table, and no estimator that is opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from closed_estimators import BLOCKED, Command
from project import DbtProject
from scorehouse import load
from scorehouse.errors import ArtifactError, ConfigurationError, LoadRefusedError
from scorehouse.program import in_arrow
from scorehouse.program.sql import in_duckdb
from scorehouse.program.sql.in_duckdb import SqlKernel
from visits_frame import FRAME, LABEL

pytestmark = pytest.mark.slow

BACKENDS = {"linear": "sql", "trees": "native", "network": "matrix"}
NEVER = {"scorehouse_load_policy": {"estimator": "never"}}
FEATURES = """
select
    i as id,
    if(i % 30 = 0, null, sin(i) * 2) as amount,
    i % 40 as visits,
    case i % 9 when 0 then 'Lima' when 1 then null else ['Basel', 'Köln', 'Łódź'][i % 3 + 1] end as city,
    i % 2 = 0 as is_new,
    if(i % 7 = 0, null, 20 + i % 50)::double as age
from range(700) as t(i)
"""


def steps() -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encoder = OneHotEncoder(sparse_output=False)
    return ColumnTransformer(
        [("age", numbers, ["age"]), ("city", encoder, ["city"])], remainder="passthrough"
    )


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Prediction tables by each backend, and an ML model that has no backend."""
    project = DbtProject(tmp_path_factory.mktemp("online") / "house")
    last = {"linear": LogisticRegression(), "trees": HistGradientBoostingClassifier(max_iter=8)}
    last["network"] = MLPClassifier((8,), max_iter=30, random_state=0)
    for name, estimator in last.items():
        pipeline = make_pipeline(steps(), estimator).fit(FRAME, LABEL)
        project.register(pipeline, name, FRAME, LABEL, task="classification")
        project.python_model(f"{name}_scores", name, key="id")
    project.register(pipeline, "closed", FRAME, LABEL, task="classification", program=False)
    project.features(FEATURES)
    project.build().check()
    return project


@pytest.fixture
def project(scored: DbtProject, tmp_path: Path) -> DbtProject:
    return scored.copy(tmp_path / "house")


def table(project: DbtProject, name: str) -> pa.Table:
    return pa.Table.from_pylist(rows_of(project, f"select * from {name} order by id"))


def rows_of(project: DbtProject, sql: str) -> list[dict[str, Any]]:
    import duckdb

    with duckdb.connect(project.database, read_only=True) as connection:
        return list(connection.sql(sql).to_arrow_table().to_pylist())


@pytest.mark.parametrize("name", BACKENDS)
def test_the_backend_online_gives_the_rows_of_the_table(scored: DbtProject, name: str) -> None:
    assert scored.runs(f"{name}_scores")[-1]["backend"] == BACKENDS[name]
    features = rows_of(scored, "select * from features order by id")
    expected = rows_of(scored, f"select * from {name}_scores order by id")
    assert {row["row_status"] for row in expected} == {"scored", "rejected"}
    model = load(name, scored.folder)
    assert model.backend.name == BACKENDS[name] and f"scored by {BACKENDS[name]}>" in repr(model)
    together = model.predict(features)
    assert [{**row, "id": was["id"]} for row, was in zip(together, expected, strict=True)] == [
        {column: was[column] for column in [*together[0], "id"]} for was in expected
    ]
    assert [model.predict(row) for row in features[:60]] == together[:60]
    assert model.predict(pa.Table.from_pylist(features)).to_pylist() == together


@pytest.mark.parametrize("name", BACKENDS)
def test_a_planted_pickle_stays_closed(name: str, project: DbtProject, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    joblib.dump(Command(mark), project.folder / "artifacts" / name / "1" / "model.joblib")
    model = load(name, project.folder)
    rows = model.predict(rows_of(project, "from features limit 40"))
    assert {row["row_status"] for row in rows} == {"scored", "rejected"}
    with pytest.raises(ArtifactError, match="has the sha256"):
        load(name, project.folder, backend="estimator")
    assert not mark.exists()


SERVICE = """
import sys
import pyarrow as pa
import scorehouse

row = {"amount": 0.5, "visits": 3, "city": "Köln", "is_new": True, "age": None}
models = {name: scorehouse.load(name, sys.argv[1]) for name in ("linear", "trees", "network")}
rows = {name: model.predict(row) for name, model in models.items()}
print(sorted({"joblib", "pandas", "scipy", "sklearn"} & set(sys.modules)))
for name, model in models.items():
    one = rows[name]
    assert model.predict([row, row]) == [one, one]
    assert model.predict(pa.Table.from_pylist([row])).to_pylist() == [one]  # pyarrow looks for pandas here
    print(name, model.backend.name, one["row_status"], one["score"].hex())
"""


@pytest.mark.parametrize("installed", [True, False])
def test_a_service_imports_neither_scikit_learn_nor_pandas(
    installed: bool, project: DbtProject, tmp_path: Path
) -> None:
    project.settings(NEVER)
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text("" if installed else BLOCKED)
    (tmp_path / "service.py").write_text(SERVICE)
    ended = subprocess.run(
        [sys.executable, str(tmp_path / "service.py"), str(project.folder)],
        env={**project.environment, "PYTHONPATH": str(tmp_path / "blocked")},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    row = {"amount": 0.5, "visits": 3, "city": "Köln", "is_new": True, "age": None}
    told = [
        f"{name} {backend} scored {load(name, project.folder).predict(row)['score'].hex()}"
        for name, backend in BACKENDS.items()
    ]
    assert ended.stdout.splitlines() == ["[]", *told]


def test_without_a_program_the_estimator_is_opened_or_refused(project: DbtProject) -> None:
    model = load("closed", project.folder)
    assert model.backend.name == "estimator" and "not proven at registration" in model.backend.reason
    project.settings(NEVER)
    with pytest.raises(LoadRefusedError, match=r"would have to be opened[\s\S]*scorehouse compile closed"):
        load("closed", project.folder)
    with pytest.raises(LoadRefusedError, match="would have to be opened"):
        load("linear", project.folder, backend="estimator")


def test_a_backend_is_one_that_the_version_has(project: DbtProject) -> None:
    assert load("linear", project.folder, backend="estimator").backend.reason == "asked for"
    with pytest.raises(
        ConfigurationError, match=r"load\('linear'\)[\s\S]*which cannot score linear version 1"
    ):
        load("linear", project.folder, backend="native")
    with pytest.raises(ConfigurationError, match=r"backend has 'sqll'\.\s+Expected: backend among"):
        load("linear", project.folder, backend="sqll")


@pytest.mark.parametrize("name", BACKENDS)
def test_strict_checks_rows_of_a_backend_too(project: DbtProject, name: str) -> None:
    row = {"amount": 0.5, "visits": 3, "city": "Köln", "is_new": True, "age": None}
    model = load(name, project.folder, strict=["null"])
    assert model.backend.name == BACKENDS[name]
    assert model.predict(row)["reject_reason"] == "null:age"
    assert model.predict({**row, "age": 30.0}) == load(name, project.folder).predict({**row, "age": 30.0})


def test_sql_that_arrow_cannot_compute_is_left_to_the_estimator_or_a_database(
    project: DbtProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = rows_of(project, "from features limit 80")
    expected = load("linear", project.folder).predict(features)
    monkeypatch.setattr(in_duckdb, "unknown_parts", lambda program: {"a function"})
    model = load("linear", project.folder)
    assert model.backend.name == "estimator" and "it needs a function" in model.backend.reason
    project.settings(NEVER)
    model = load("linear", project.folder)
    assert model.backend.name == "sql" and isinstance(model.kernel, SqlKernel)
    assert model.predict(features) == expected
    with pytest.raises(LoadRefusedError, match="would have to be opened"):
        load("linear", project.folder, strict=["null"])


def test_sql_that_differs_on_arrow_does_not_serve(
    project: DbtProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = in_arrow.CALLS["sigmoid"]
    wrong = {**in_arrow.CALLS, "sigmoid": lambda x: pa.compute.multiply(right(x), pa.scalar(1 + 1e-8))}
    monkeypatch.setattr(in_arrow, "CALLS", wrong)
    model = load("linear", project.folder)
    assert model.backend.name == "estimator" and "sql: it differs on its" in model.backend.reason
