"""Three nights on Spark, by SQL and by the runtime: tables and run log are those of DuckDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from churn import classifier, training
from project import Row
from scorehouse import register
from scorehouse.registration.groups import grouped
from spark.project import SparkProject, quick, stop_session
from sql_alone import (
    TABLES,
    TRIED,
    Told,
    call_of,
    check_nights,
    ml_model_of,
    register_others,
    told,
    told_by_duckdb,
)

pytest.importorskip("pyspark", reason="PySpark is not installed: ./run test spark")
pytestmark = pytest.mark.foreign
CALL = "{{{{ scorehouse.scored('{}', {}) }}}}\nselect * from {{{{ ref('features') }}}}\n"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Told], list[Told]]]:
    """What the tables hold after each night, here and on DuckDB."""
    folder = tmp_path_factory.mktemp("nights") / "house"
    spark = SparkProject(folder, quick(folder))
    facts = {"task": "classification", "alias": "champion", "project_dir": folder}
    register(classifier(), "churn", training(), **grouped(facts))
    register_others(folder, "churn")
    for name in TABLES:
        spark.write(f"models/{name}.sql", CALL.format(ml_model_of(name, "churn"), call_of(name)))

    def build(select: str) -> None:
        spark.features(select)
        ended = spark.build(
            "--select",
            "tag:ml_churn,resource_type:seed",
            "tag:ml_churn_ranked,resource_type:seed",
            "features",
            *TABLES,
        )
        assert set(TABLES) <= set(ended) and {status for status, _ in ended.values()} <= {"success"}, ended

    def query(select: str) -> list[Row]:
        return spark.query(re.sub(r"(?<=from )(\w+)", lambda found: _ended(spark, found[1]), select))

    try:
        here = told(build, query)
    finally:
        stop_session()
    yield here, told_by_duckdb(tmp_path_factory.mktemp("told") / "house", folder, "churn")


def _ended(spark: SparkProject, table: str) -> str:
    """A table; of the run log without the rows that runs began with, which stay in its files."""
    rows = spark.table(table)
    return f"(select * from {rows} where status <> 'started')" if table == "scorehouse_run_log" else rows


@pytest.mark.parametrize("table", TRIED)
def test_three_nights_are_those_of_duckdb(
    table: str, both: tuple[list[Told], list[Told]], record_property: Callable[[str, object], None]
) -> None:
    check_nights(*both, table, record_property)
