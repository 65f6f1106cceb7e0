"""How a run writes, of which dates, and what DuckDB says of relations and errors, each by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from asked_of_engines import REQUEST, options
from scorehouse.dialect import DUCKDB
from scorehouse.engines.duckdb.errors import named, one_line
from scorehouse.engines.duckdb.run_log import hold_room
from scorehouse.engines.duckdb.staging import hold_all_columns, is_duckdb, parts_of
from scorehouse.engines.run import write_mode
from scorehouse.engines.source import Source
from scorehouse.errors import (
    ConfigurationError,
    EngineError,
    SignatureError,
)

# --- how a run writes ---


@pytest.mark.parametrize(
    ("given", "request_", "exists", "expected"),
    [
        ({}, {}, True, "replace"),
        ({"rescore": "changed"}, {}, False, "replace"),
        ({"rescore": "changed"}, {}, True, "merge"),
        ({"rescore": "changed"}, {"full_refresh": True}, True, "replace"),
        ({"rescore": "new", "as_of": "day"}, {"full_refresh": True}, True, "merge"),
        ({"rescore": {"rule": "changed", "vanished": "delete"}}, {}, True, None),
        ({"rescore": {"rule": "changed", "vanished": "delete"}}, {"staging": "s"}, True, "merge"),
        ({"rescore": "changed", "decision": {"top_n": 3}}, {}, True, None),
        ({"rescore": "changed", "decision": {"threshold": 0.5}}, {}, True, "merge"),
    ],
)
def test_a_run_replaces_its_table_or_is_merged(
    given: dict[str, Any], request_: dict[str, Any], exists: bool, expected: str | None
) -> None:
    asked = replace(REQUEST, **request_)
    if expected is not None:
        assert write_mode(asked, options(**given), "score()", exists=exists) == expected
        return
    with pytest.raises(ConfigurationError, match="top_n of decision is"):
        write_mode(asked, options(**given), "score()", exists=exists)


AS_OF = [
    ({}, {}, ("", "")),
    ({"as_of": "Day"}, {}, ("", "")),
    ({"as_of": "2026-01-31"}, {}, ("date '2026-01-31'", "")),
    ({"as_of": "2026-01-31 12:00:00"}, {}, ("timestamp '2026-01-31 12:00:00'", "")),
    ({"as_of": "day"}, {"slice_from": "a", "slice_to": "b"}, ("", "\"Day\" >= 'a' and \"Day\" < 'b'")),
    ({"as_of": "2026-01-31"}, {"slice_from": "a"}, "as_of does not name a column"),
    ({}, {"slice_from": "a"}, "as_of does not name a column"),
]


@pytest.mark.parametrize(("given", "request_", "expected"), AS_OF, ids=str)
def test_the_date_of_a_history(given: dict[str, Any], request_: dict[str, Any], expected: Any) -> None:
    source: Any = SimpleNamespace(
        options=options(**given), request=replace(REQUEST, **request_), call="score()"
    )
    if isinstance(expected, tuple):
        date, window = Source.as_of_sql(source, ["id", "Day"], DUCKDB)
        assert (date.lower(), window) == expected
        return
    with pytest.raises(ConfigurationError, match=expected):
        Source.as_of_sql(source, ["id", "Day"], DUCKDB)


def test_a_date_beside_a_column_of_that_name_is_refused() -> None:
    source: Any = SimpleNamespace(options=options(as_of="2026-01-31"), request=REQUEST, call="score()")
    with pytest.raises(ConfigurationError, match="the feature table has a column 'as_of'"):
        Source.as_of_sql(source, ["id", "AS_OF"], DUCKDB)


# --- the database ---


def test_relations_are_known_by_their_parts(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert parts_of('"a ""b"""."main"."t.x"') == ('a "b"', "main", "t.x")
    assert parts_of("main.t") == (None, "main", "t") and parts_of("d.main.t") == ("d", "main", "t")
    connection.execute(f"attach '{tmp_path / 'other.duckdb'}' as other")
    assert is_duckdb(connection, "main.t") and is_duckdb(connection, '"other"."main"."t"')
    assert not is_duckdb(connection, "nowhere.main.t")
    assert hold_room(connection, "memory.main.runs") is None
    room = hold_room(connection, "other.main.runs")
    assert room is not None and room.tell() >= 64 * 1024
    room.close()
    connection.execute("create table other.main.t (a int, b int generated always as (7) virtual)")
    connection.execute("insert into other.main.t values (1)")
    hold_all_columns(connection, "other.main.t")
    connection.execute("insert into other.main.t values (2, 8)")
    assert connection.execute("from other.main.t").fetchall() == [(1, 7), (2, 8)]


def test_errors_of_the_database_are_said_of_the_features(connection: duckdb.DuckDBPyConnection) -> None:
    def raised(sql: str) -> Exception:
        with pytest.raises(duckdb.Error) as error:
            connection.execute(sql).fetchall()
        return error.value

    value, other = raised("select 'x'::int"), raised("select nothing from nowhere")
    assert isinstance(named(value, "score()"), SignatureError) and "'x'" in str(named(value, "score()"))
    assert named(other, "score()") is other and "^" not in one_line(other)
    assert one_line(other).endswith("(LINE 1: select nothing from nowhere)")
    for text, is_named in (("Conversion Error: x", True), ("no space left on device", False)):
        error = OSError(text)
        assert (named(error, "score()") is not error) == is_named
    own = EngineError("score()", "a", expected="b", action="c")
    assert named(own, "score()") is own
    assert isinstance(named(duckdb.InterruptException("x"), "score()"), EngineError)
