"""Monitoring on PostgreSQL gives the numbers that it gives on DuckDB, from the same tables, and its dbt
tests find the same rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from monitoring.cohorts import CLASSES, FRAMES, MATURITY, SEVERAL, TASKS
from monitoring.findings import (
    CASES,
    EXPECTED_SIGNALS,
    SIGNAL_COLUMNS,
    TABLES,
    document,
    models,
    same_rows,
    status_of,
)
from monitoring.house import House
from test_postgres_parity import Server, load, server
from test_postgres_project import dbt, write_project

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]
__all__ = ["server"]

HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
FLIGHTS = """
    select row_number() over (order by time_hour, carrier, flight) as id,
        cast(flight_date as timestamp) as day,
        cast(dep_delay as double) as dep_delay, cast(distance as double) as distance, carrier, origin
    from '{data}/flights.parquet' where month(flight_date) %s and day(flight_date) < 4
"""
PERFORMANCE = "{{{{ scorehouse.performance(source('raw', '{0}'), source('raw', '{0}_labels'), key='id', "
SOURCE = "source('raw', 'flights')"
MODELS = {
    "profiles": f"{{{{ scorehouse.profile({SOURCE}, source('raw', 'ml_f__reference'), day='day', "
    "segments=['origin'], signature=source('raw', 'ml_f__signature')) }}",
    "drift": "{{ scorehouse.drift(ref('profiles'), source('raw', 'ml_f__reference'), window='month') }}",
    "exact": f"{{{{ scorehouse.exact_drift({SOURCE}, source('raw', 'flights_training'), "
    "['dep_delay', 'distance']) }}",
    "calibration": "{{ scorehouse.calibration_table(source('raw', 'classified'), "
    "source('raw', 'classified_labels'), key='id', label='y', options={'day': 'day'}) }}",
    "estimates": "{{ scorehouse.estimated_performance(source('raw', 'classified'), ref('calibration'), "
    "day='day') }}",
    "previous": "{{ scorehouse.drift(ref('profiles'), against='previous', window='week') }}",
    "cluster_performance": "{{ scorehouse.performance(source('raw', 'classified'), none, key=none, "
    "label=none, task='clustering', day='day', options={'score': 'score'}) }}",
    "several_performance": PERFORMANCE.format("several")
    + f"label='y', day='day', options={{'classes': {CLASSES}}}) }}}}",
    **{
        f"{name}_performance": PERFORMANCE.format(name) + f"label='y', day='day', {MATURITY}, {task}) }}}}"
        for name, task in TASKS.items()
    },
}
TYPES = {  # which `load` leaves as text
    pa.timestamp("us").id: "timestamp",
    pa.int32().id: "integer",
}
# What tells a row of each table from the others; the columns of `VALUES` are compared.
KEYS = {
    "profiles": "window_start, part, feature, segment, kind, bin, category",
    "drift": "window_start, part, feature, segment, metric",
    "previous": "window_start, part, feature, segment, metric",
    "exact": "feature, metric",
    "calibration": "bin",
}
VALUES = {
    "profiles": "row_count, n_null, n_above, mean, deviation, minimum, maximum",
    "drift": "value, threshold, p_value, floor_value, status, n_current, place",
    "previous": "value, threshold, p_value, floor_value, status, n_reference, n_current, place",
    "exact": "value",
    "calibration": "mean_score, positive_rate, n_labelled",
}
PERFORMANCE_KEY, PERFORMANCE_VALUES = "window_start, segment, metric", "value, threshold, status, n_current"


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("duckdb") / "house")
    for name, frame in (*FRAMES.items(), ("several", SEVERAL)):
        house.table(name, f"select * exclude (y), {HEAD} from frame", frame=frame)
        label = "y" if name == "several" else "case when not isnan(y) then y end as y"
        house.table(f"{name}_labels", f"select id, {label} from frame", frame=frame)
    house.table("flights_training", FLIGHTS % "<= 6")
    house.table("flights", f"select *, 'r' as scoring_run_id, {HEAD} from ({FLIGHTS % '> 6'})")
    columns = "select dep_delay, distance, carrier, origin from raw.flights_training"
    house.reference("ml_f__reference", {(1, "feature"): columns})
    house.table(
        "ml_f__signature",
        "select 1 as version, 'distance' as feature, min(distance) as minimum, max(distance) as maximum "
        "from raw.flights_training",
    )
    for name, sql in TABLES.items():
        house.table(name, sql)
    for name, sql in MODELS.items():
        house.model(name, sql)
    house.build().check()
    yield house


@pytest.fixture(scope="module")
def on_postgres(
    on_duckdb: House, server: Server, tmp_path_factory: pytest.TempPathFactory
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
    name: str, on_duckdb: House, on_postgres: tuple[Server, dict[str, str]]
) -> None:
    key, values = KEYS.get(name, PERFORMANCE_KEY), VALUES.get(name, PERFORMANCE_VALUES)
    query = f"select {key}, {values} from {name}"
    found = rows_of(on_postgres[0], query)
    width = len(key.split(","))
    expected = {row[:width]: row[width:] for row in on_duckdb.query(query)}
    got = {row[:width]: row[width:] for row in found}
    assert len(expected) == len(found) > 0 and got.keys() == expected.keys()
    for row, wanted in expected.items():
        assert all(map(close, got[row], wanted)), (row, got[row], wanted)


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


def close(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and found is not None:
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
    return bool(found == expected)


def test_no_difference_would_be_missed() -> None:
    assert not close(1.0, 1.0 + 1e-8) and not close(None, 0.5) and not close(0.5, None)
    assert not close("ok", "drift") and close(1.0, 1.0 + 1e-12)
