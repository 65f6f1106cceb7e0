"""Statements that a report shows, of databases other than DuckDB."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from scorehouse.cli.by_dbt import reading_of
from scorehouse.dialect import DUCKDB
from scorehouse.program.sql.dialects import DIALECTS
from scorehouse.report.gather import ModelData
from scorehouse.report.row_sql import Rows, _other_than
from scorehouse.report.warehouse import Warehouse

sqlglot = pytest.importorskip("sqlglot", reason="needs the extra `sql`, which `./run test all` has")

SQL = """-- of all days; the alert is about "it's"
select *
from "shop"."main"."predictions"
where cast("plan" as varchar) = 'O''Hare \\ 7'
    and window_start = timestamp '2026-01-01 00:00:00'
    and text = 'as varchar) timestamp "x"'"""
COPIED = '"p"."d"."t"'
DATABASES = {
    name: reading_of(DIALECTS[name])
    for name in ("postgres", "snowflake", "bigquery", "redshift", "databricks")
}


@pytest.mark.parametrize("database", DATABASES)
def test_a_statement_says_the_same_in_each_database(database: str) -> None:
    read = sqlglot.parse_one(DATABASES[database].spelled(SQL), dialect=database)
    literals = {literal.name for literal in read.find_all(sqlglot.exp.Literal) if literal.is_string}
    assert literals == {"O'Hare \\ 7", "2026-01-01 00:00:00", 'as varchar) timestamp "x"'}
    names = {"shop", "main", "predictions", "plan"}
    quoted = {each.name for each in read.find_all(sqlglot.exp.Identifier) if each.quoted}
    assert quoted == ({name.upper() for name in names} if database == "snowflake" else names)


def test_names_stay_whole() -> None:
    assert DATABASES["bigquery"].spelled('select "a""b`c"') == 'select `a"b``c`'
    assert DATABASES["snowflake"].spelled('select "Mixed", "a b"') == 'select "MIXED", "a b"'


def test_the_run_log_is_asked_for_a_table_as_it_has_it() -> None:
    """In memory, names of tables are quoted as DuckDB does."""
    for database, name in {"bigquery": "`p`.`d`.`t`", "postgres": '"p"."d"."t"'}.items():
        warehouse = cast(Warehouse, SimpleNamespace(original=DATABASES[database]))
        behind = Rows(warehouse, cast(ModelData, SimpleNamespace(runs=[], newest_runs=list)))
        sql = f"where prediction_table = {DUCKDB.literal(behind.logged(COPIED))}"
        assert behind.written(sql) == f"where prediction_table = '{name}'"


def test_a_feature_has_the_name_of_the_count() -> None:
    assert _other_than("copies", ["a"]) == "copies"
    assert _other_than("copies", ["Copies", "copies_"]) == "copies__"
