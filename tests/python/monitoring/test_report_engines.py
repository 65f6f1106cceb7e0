"""Statements that a report shows, of databases other than DuckDB."""

from __future__ import annotations

import pytest

from scorehouse.dialect import Reading

sqlglot = pytest.importorskip("sqlglot", reason="needs the extra `sql`, which `./run test all` has")

SQL = """-- of all days; the alert is about "it's"
select *
from "shop"."main"."predictions"
where cast("plan" as varchar) = 'O''Hare \\ 7'
    and window_start = timestamp '2026-01-01 00:00:00'
    and text = 'as varchar) timestamp "x"'"""
DATABASES = {
    "postgres": Reading(text="text"),
    "snowflake": Reading(backslash=True, capitals=True),
    "bigquery": Reading(mark="`", backslash=True, text="string", time="datetime"),
    "spark": Reading(mark="`", backslash=True, text="string"),
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
    assert DATABASES["snowflake"].spelled('select "Mixed"') == 'select "Mixed"'
