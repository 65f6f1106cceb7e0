"""Few rows to score are found by sums of keys instead of a join; what the sums cannot tell, the join does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from project import DbtProject
from rescoring import STATES, execute, register_version
from scorehouse.engines.duckdb.few import Few

pytestmark = pytest.mark.slow

TABLES: dict[str, dict[str, Any]] = {
    "stamp": {"key": "id", "rescore": {"updated_at": "updated_at"}},
    "zone": {"key": "name", "rescore": {"updated_at": "zone_at", "vanished": "flag"}},
    "day": {"key": ["id", "name"], "rescore": {"updated_at": "day_at", "vanished": "delete"}},
    "hashed": {"key": "name", "rescore": {"rule": "changed", "vanished": "flag"}},
}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each run found its few rows without the join."""
    outcomes: list[bool] = []
    find = Few.find

    def noted(self: Few) -> str:
        within = find(self)
        outcomes.append(bool(within))
        return within

    monkeypatch.setattr(Few, "find", noted)
    return outcomes


def test_rows_that_sums_of_keys_find_are_those_that_a_join_finds(tmp_path: Path, few: list[bool]) -> None:
    project = DbtProject(tmp_path / "p")
    register_version(project, 0)
    project.features(
        "select *, updated_at::timestamptz as zone_at, updated_at::date as day_at, 'customer ' || id as name "
        "from raw_rows"
    )
    for table, arguments in TABLES.items():
        project.sql_model(table, "toy", **arguments)
    execute(
        project,
        "create table raw_rows as select i as id, i % 10 / 1.0e0 as a, i % 7 / 1.0e0 as b, "
        "timestamp '2024-01-01 12:00' + to_seconds(i) as updated_at from range(100) as t(i)",
    )

    def built() -> dict[str, tuple[Any, ...]]:
        few.clear()
        project.build().check()
        return {name: tuple(project.runs(name)[-1][state] for state in STATES) for name in TABLES}

    built()
    assert set(built().values()) == {(0, 0, 0, 100, 0)}
    assert few == [True] * len(TABLES)
    execute(
        project,
        "update raw_rows set a = 9, updated_at = '2024-02-01' where id = 3",
        "insert into raw_rows values (200, 1, 1, '2024-02-02 12:00')",
    )
    assert set(built().values()) == {(1, 1, 0, 99, 0)}
    assert few == [True] * len(TABLES)
    # a row that came late, with a time long ago, and one that left: as many rows as before
    execute(
        project,
        "insert into raw_rows values (500, 1, 1, '2020-01-01')",
        "delete from raw_rows where id = 50",
    )
    assert set(built().values()) == {(1, 0, 0, 100, 1)}
    assert few.count(True) == 1  # the rule `changed` sees the new row, and a join only finds which left
    assert project.query("select count(*) filter (is_vanished), count(*) from zone") == [(1, 102)]
    assert project.query("select count(*) from day") == [(101,)]
    execute(project, "insert into raw_rows values (50, 2, 2, '2020-01-01')")  # a flagged row is back
    assert {name: run[:2] for name, run in built().items()} == {
        "stamp": (0, 0),  # its prediction was kept
        "zone": (1, 0),
        "day": (1, 0),
        "hashed": (1, 0),
    }
    assert project.query("select count(*) from zone where is_vanished") == [(0,)]
    execute(project, "update raw_rows set updated_at = null where id = 6")  # scored in every run
    assert [built()[name][1] for name in ("stamp", "zone", "day")] == [1, 1, 1]
    # one key twice and another one missing: the number of rows is the same
    execute(
        project,
        "update raw_rows set updated_at = '2024-01-01' where id = 6",
        "update raw_rows set id = 4 where id = 5",
    )
    ended = project.build()
    assert "4 (2 times)" in ended.messages["stamp"]
    for name in ("zone", "hashed"):
        assert "'customer 4' (2 times)" in ended.messages[name]
    execute(project, "update raw_rows set id = 5 where id = 4 and a = 5")
    project.build().check()
    assert project.query("select count(*), count(distinct id) from stamp") == [(102, 102)]
