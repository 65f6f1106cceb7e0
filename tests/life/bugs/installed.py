"""Faults of an installed package, and of what is written for engines other than DuckDB."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "columns of the run log's view have comments, which a DuckLake refuses",
        review="8",
        edits=(
            (
                "models/installed/run_log/_scorehouse_runs.yml",
                "columns: \"{{ target.type != 'duckdb' }}\"",
                "columns: true",
            ),
        ),
        engine="ducklake",
        events=("clean night",),
    ),
    Bug(
        "monitors are scaffolded with a strategy that Spark and BigQuery do not have",
        review="10b",
        engine="spark",
        test="tests/python/cli/test_scaffold_project.py",
        edits=(
            (
                "src/scorehouse/cli/monitors.py",
                "**scorehouse.replace_windows()) }}",
                "incremental_strategy='delete+insert', unique_key='window_start') }}",
            ),
        ),
    ),
    Bug(
        "a local Spark starts workers with the first python3 of the path",
        review="10c",
        engine="spark",
        test="tests/python/engines/test_spark_sql.py",
        edits=(
            (
                "spark_adapter/dbt/adapters/scorehouse_spark/__init__.py",
                '.startswith("local")',
                '.startswith("nowhere")',
            ),
        ),
    ),
    Bug(
        "on Spark, a run that fails leaves a folder that belongs to no table",
        review="10c",
        engine="spark",
        edits=(
            (
                "src/scorehouse/engines/spark/tables.py",
                'self.session.sql(\n            f"create table if not exists',
                'str(\n            f"create table if not exists',
            ),
        ),
        test="tests/python/engines/test_spark_tables.py",
    ),
    Bug(
        "a column that the select of scored() lacks is reported as an argument of predict()",
        review="10e",
        engine="postgres",
        edits=(
            (
                "macros/predict/_feature_columns.sql",
                "_check_facts(call, [",
                "_check_facts('scorehouse.predict(relation)', [",
            ),
        ),
        events=("column left out",),
    ),
)
