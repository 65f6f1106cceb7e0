"""DuckDB's memory limit while a table streams by: lowered and put back, or left alone where it is in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from scorehouse.engines.duckdb.memory import limit_of, limited_memory

LIMIT = "select parse_formatted_bytes(current_setting('memory_limit'))"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    settings = {"memory_limit": "1GB", "max_temp_directory_size": "0KB", "threads": 2}
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), config=settings) as connection:
        yield connection


def _limit(session: duckdb.DuckDBPyConnection) -> int:
    return int(session.execute(LIMIT).fetchall()[0][0])


def test_the_limit_is_lowered_and_put_back(session: duckdb.DuckDBPyConnection) -> None:
    before = _limit(session)
    with limited_memory(session, "100MB"):
        assert _limit(session) == pytest.approx(100e6, rel=0.01)
    assert _limit(session) == pytest.approx(before, rel=0.001)  # DuckDB tells its limit in rounded MiB


def test_a_higher_limit_changes_nothing(session: duckdb.DuckDBPyConnection) -> None:
    before = _limit(session)
    with limited_memory(session, "8GB"):
        assert _limit(session) == before


def test_memory_that_others_use_keeps_the_limit(session: duckdb.DuckDBPyConnection) -> None:
    before = _limit(session)
    neighbour = session.cursor()
    neighbour.execute("create temp table held as select range as id, random() as x from range(12_000_000)")
    with limited_memory(session, "50MB"):
        assert _limit(session) == before
    assert neighbour.execute("select count(*) from held").fetchall() == [(12_000_000,)]
    assert _limit(session) == before


def test_auto_leaves_room_for_the_models_that_dbt_builds_at_once(session: duckdb.DuckDBPyConnection) -> None:
    assert limit_of(session, "auto", columns=10, dbt_threads=1) == "336MB"
    assert limit_of(session, "auto", columns=10, dbt_threads=3) == "2384MB"
    assert limit_of(session, "2GB", columns=10, dbt_threads=3) == "2GB"
    assert limit_of(session, None, columns=10, dbt_threads=3) is None
