"""Monitoring on Spark gives the numbers that it gives on DuckDB, from the same tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from generic_tests import EXPECTED, dbt, install
from monitoring.everywhere import MODELS, query, same_numbers, watched
from monitoring.findings import (
    CASES,
    EXPECTED_SIGNALS,
    SIGNAL_COLUMNS,
    document,
    models,
    same_rows,
    status_of,
)
from monitoring.warehouse import MonitoredWarehouse
from spark.project import SparkProject, session_of

pytestmark = pytest.mark.foreign
# Spark plans the model that is left out for minutes; its classes and its weights are each in another one.
BUILT = [name for name in MODELS if name != "weighted_several_performance"]
Results = dict[str, tuple[str, str]]
Build = Callable[[str], Results]


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    return watched(tmp_path_factory.mktemp("duckdb") / "house")


@pytest.fixture(scope="module")
def session(on_duckdb: MonitoredWarehouse, spark_project: SparkProject) -> Any:
    """The session of a project whose sources are there and whose models are written."""
    session = session_of(spark_project)
    session.sql("create schema raw")
    for name in on_duckdb.tables:
        session.read.parquet(str(parquet(on_duckdb, name, spark_project.folder))).write.saveAsTable(
            f"raw.{name}"
        )
    for name, sql in (MODELS | models()).items():
        spark_project.features(sql, name)
    spark_project.write("models/_tests.yml", yaml.safe_dump(document()))
    tables = [{"name": name} for name in on_duckdb.tables]
    sources = {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": tables}]}
    spark_project.write("models/_raw.yml", yaml.safe_dump(sources))
    return session


@pytest.fixture(scope="module")
def built(session: Any, spark_project: SparkProject) -> Build:
    """Builds the group of a model once, in the time that one test has, and gives the results."""
    results: Results = {}

    def build(name: str) -> Results:
        if name not in results:
            group = group_of(name)
            results.update(dict.fromkeys(group, ("not built", "")))  # it takes too long: not tried again
            results.update(spark_project.build("--select", *group))
        return results

    return build


@pytest.fixture(scope="module")
def findings(session: Any, spark_project: SparkProject) -> Results:
    """The results of tests that find something."""
    return spark_project.build("--select", *models())


def group_of(name: str) -> list[str]:
    """The models that read each other, directly or not, with the one of this name."""
    group, left = [name], [other for other in BUILT if other != name]
    for one in group:
        near = [other for other in left if other in reads(one) or one in reads(other)]
        group += near
        left = [other for other in left if other not in near]
    return [other for other in BUILT if other in group]


def reads(name: str) -> set[str]:
    return set(re.findall(r"ref\('(\w+)'\)", MODELS[name]))


def parquet(warehouse: MonitoredWarehouse, table: str, folder: Path) -> Path:
    path = folder / f"{table}.parquet"
    with duckdb.connect(warehouse.project.database, read_only=True) as connection:
        connection.execute(f"copy raw.{table} to '{path}' (format parquet)")
    return path


def rows_of(session: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(map(plain, row)) for row in session.sql(sql).collect()]


def plain(value: Any) -> Any:
    """A timestamp as DuckDB gives it: in UTC, without a zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


@pytest.mark.parametrize("name", BUILT)
def test_the_numbers_are_those_of_duckdb(
    name: str, on_duckdb: MonitoredWarehouse, built: Build, session: Any
) -> None:
    status, message = built(name)[name]
    assert status == "success", message
    sql, width = query(name)
    found = rows_of(session, sql.format(f"house.{name}"))
    same_numbers(on_duckdb.query(sql.format(name)), found, width)


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_the_tests_find_the_same(case: tuple[Any, ...], session: Any, findings: Results) -> None:
    _, test, name, _, columns, rows = case
    assert findings[name][0] == status_of(test, rows), findings[name]
    assert same_rows(rows_of(session, f"select {columns} from house_dbt_test__audit.{name}"), rows)


@pytest.mark.parametrize("name", EXPECTED_SIGNALS)
def test_retraining_signals(name: str, session: Any, findings: Results) -> None:
    (found,) = rows_of(session, f"select {SIGNAL_COLUMNS} from house.{name}")
    expected = EXPECTED_SIGNALS[name]
    assert same_rows([found[: len(expected)]], [expected])


@pytest.mark.capability("generic tests")
def test_generic_tests_find_the_same_rows(spark_project: SparkProject, tmp_path: Path) -> None:
    """The foreign project of test_generic_tests, with two models in the words of Spark."""
    folder = install(tmp_path / "generic")
    for name in ("good", "bad_stamps"):
        path = folder / "models" / f"{name}.sql"
        text = path.read_text().replace("as uuid)", "as string)")
        path.write_text(text.replace("to_minutes(minutes)", "make_interval(0, 0, 0, 0, 0, minutes)"))
    output = yaml.safe_load((spark_project.folder / "profiles.yml").read_text())["house"]["outputs"]["spark"]
    profile = {"house_with_tests": {"target": "spark", "outputs": {"spark": {**output, "schema": "generic"}}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    assert dbt(folder, "build", "--exclude-resource-type", "test").success
    tested = dbt(folder, "test")
    outcomes = {test.node.name: (str(test.status), test.failures) for test in tested.result}
    assert outcomes == {name: ("fail" if rows else "pass", len(rows)) for name, (_, rows) in EXPECTED.items()}
    spelled = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
    for name, (columns, rows) in EXPECTED.items():
        found = (
            session_of(spark_project).sql(f"select {columns} from generic_dbt_test__audit.{name}").collect()
        )
        told = [tuple(spelled.get(value, value) for value in row) for row in found]
        assert sorted(told, key=repr) == sorted(rows, key=repr), name
