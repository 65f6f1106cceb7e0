"""Monitoring on PostgreSQL gives the numbers that it gives on DuckDB, from the same tables, and its dbt
tests find the same rows."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from monitoring.everywhere import MODELS, close, query, same_numbers, watched
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
from postgres.project import dbt, write_project
from postgres.server import Server, load

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]

TYPES = {  # which `load` leaves as text
    pa.timestamp("us").id: "timestamp",
    pa.int32().id: "integer",
    pa.date32().id: "date",
}


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    return watched(tmp_path_factory.mktemp("duckdb") / "house")


@pytest.fixture(scope="module")
def on_postgres(
    on_duckdb: MonitoredWarehouse, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Server, dict[str, str]]:
    """The server after two builds: of the numbers, and of the tests that find something."""
    folder = tmp_path_factory.mktemp("postgres") / "house"
    write_project(folder)
    for name, sql in (MODELS | models()).items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    (folder / "models" / "_tests.yml").write_text(yaml.safe_dump(document()))
    tables = [{"name": name} for name in on_duckdb.tables]
    sources = {"version": 2, "sources": [{"name": "raw", "schema": "public", "tables": tables}]}
    (folder / "models" / "_raw.yml").write_text(yaml.safe_dump(sources))
    with duckdb.connect(on_duckdb.project.database) as source, server.connect() as connection:
        for name in on_duckdb.tables:
            table = source.sql(f"select * from raw.{name}").to_arrow_table()
            load(connection, name, table)
            with connection.cursor() as cursor:
                for field in table.schema:
                    kind = TYPES.get(field.type.id)
                    if kind:
                        cursor.execute(
                            f'alter table "{name}" alter "{field.name}" type {kind} '
                            f'using cast("{field.name}" as {kind})'
                        )
    ended = dbt(folder, server, "build", "--select", *MODELS)
    results = list(getattr(ended.result, "results", None) or [])
    bad = {r.node.name: r.message for r in results if r.status not in ("success", "pass")}
    assert ended.success, bad or ended.exception
    ended = dbt(folder, server, "build", "--select", *models())
    return server, {r.node.name: str(r.status) for r in getattr(ended.result, "results", None) or []}


def rows_of(server: Server, query: str) -> list[tuple[Any, ...]]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_are_those_of_duckdb(
    name: str, on_duckdb: MonitoredWarehouse, on_postgres: tuple[Server, dict[str, str]]
) -> None:
    sql, width = query(name)
    found = rows_of(on_postgres[0], sql.format(name))
    same_numbers(on_duckdb.query(sql.format(name)), found, width)


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_the_tests_find_the_same(case: tuple[Any, ...], on_postgres: tuple[Server, dict[str, str]]) -> None:
    _, test, name, _, columns, rows = case
    server, statuses = on_postgres
    assert statuses[name] == status_of(test, rows)
    assert same_rows(rows_of(server, f"select {columns} from public_dbt_test__audit.{name}"), rows)


@pytest.mark.parametrize("name", EXPECTED_SIGNALS)
def test_retraining_signals(name: str, on_postgres: tuple[Server, dict[str, str]]) -> None:
    (found,) = rows_of(on_postgres[0], f"select {SIGNAL_COLUMNS} from {name}")
    expected = EXPECTED_SIGNALS[name]
    assert same_rows([found[: len(expected)]], [expected])


def test_no_difference_would_be_missed() -> None:
    assert not close(1.0, 1.0 + 1e-8) and not close(None, 0.5) and not close(0.5, None)
    assert not close("ok", "drift") and close(1.0, 1.0 + 1e-12)
