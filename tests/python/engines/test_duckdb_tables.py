"""What runs of DuckDB write, without dbt: columns, versions, decisions, histories."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from duckdb_runs import Runs, by_ten, counts
from scorehouse.engines.duckdb.staging import described
from scorehouse.errors import ConfigurationError, SignatureError

BACKENDS = ("sql", "matrix", "estimator")
BOTH = ["champion", "challenger"]


# --- several versions ---


@pytest.mark.parametrize("backend", BACKENDS)
def test_versions_score_in_rows_of_their_own(backend: str, runs: Runs) -> None:
    asked = {"alias": BOTH, "rescore": {"rule": "changed", "vanished": "delete"}, "backend": backend}
    runs.execute("insert into rows values (7, null, 1)")
    first = runs.score(**asked)
    assert [counts(run, "alias_asked", "is_live", "rows_scored", "rows_rejected") for run in first] == [
        ("champion", True, 6, 1),
        ("challenger", False, 6, 1),
    ]
    assert first[0]["score_max"] == pytest.approx(60) and first[1]["score_max"] == pytest.approx(600)
    assert first[0]["input_fingerprint"] == first[1]["input_fingerprint"]
    runs.execute("update rows set a = 9 where id = 2", "delete from rows where id = 1")
    assert [counts(run) for run in runs.score(**asked)] == [(0, 1, 0, 5, 1)] * 2
    ids = dict(by_ten(range(2, 7))) | {2: 90.0, 7: None}
    columns = ("model_alias", "id", "prediction", "is_live", "model_version")
    assert runs.scores(*columns) == [
        *(("challenger", each, ten and 10 * ten, False, 2) for each, ten in ids.items()),
        *(("champion", each, ten, True, 1) for each, ten in ids.items()),
    ]
    runs.execute("delete from scores where model_alias = 'challenger' and id = 3")
    again = runs.score(**asked)
    assert [counts(run, "rows_in", "rows_new") for run in again] == [(0, 0), (1, 1)]
    assert len(runs.scores("id")) == 12


@pytest.mark.parametrize("backend", BACKENDS)
def test_versions_score_side_by_side(backend: str, runs: Runs) -> None:
    asked = {"alias": [*BOTH, "next"], "layout": "wide", "rescore": "changed", "backend": backend}
    (live, other) = runs.score(**asked)
    assert counts(live, "rows_in", "rows_scored") == counts(other, "rows_in", "rows_scored") == (6, 6)
    columns = ("id", "prediction", "prediction__challenger", "model_version__challenger", "prediction__next")
    assert runs.scores(*columns) == [(each, ten, 10 * ten, 2, None) for each, ten in by_ten(range(1, 7))]
    assert described(runs.connection, "from scores")["model_version__next"] == "INTEGER"
    runs.execute("update rows set a = 9 where id = 2", "delete from rows where id = 1")
    assert [counts(run) for run in runs.score(**asked)] == [(0, 1, 0, 4, 1)] * 2
    assert runs.scores(*columns)[1] == (2, 90, 900, 2, None) and len(runs.scores()) == 6
    assert {row[0] for row in runs.query("select scoring_run_id::text from scores")} == {
        run["run_id"].__str__() for run in runs.log() if run["is_live"]
    }


def test_a_wide_table_of_every_run_has_its_audit_columns_once(runs: Runs) -> None:
    runs.score(alias=BOTH, layout="wide")
    (made,) = runs.query("select sql from duckdb_tables() where table_name = 'scores'")
    assert (
        made[0].count("GENERATED ALWAYS AS") == 7 and "model_version__challenger INTEGER GENERATED" in made[0]
    )
    runs.score(alias=BOTH)
    (made,) = runs.query("select sql from duckdb_tables() where table_name = 'scores'")
    assert "GENERATED" not in made[0]


# --- decisions and ranks ---


@pytest.mark.parametrize("vanished", ("keep", "flag", "delete"))
@pytest.mark.parametrize("backend", ("sql", "matrix"))
def test_the_best_are_decided_among_all_rows(backend: str, vanished: str, runs: Runs) -> None:
    asked = {
        "rescore": {"rule": "changed", "vanished": vanished},
        "decision": {"score": "prediction", "top_n": 2},
        "backend": backend,
    }

    def best() -> list[int]:
        return [row[0] for row in runs.query("select id from scores where decision = 'yes' order by 1")]

    runs.score(**asked)
    assert best() == [5, 6]
    runs.execute("update rows set a = 9 where id = 1")
    runs.score(**asked)
    assert best() == [1, 6]
    runs.execute("delete from rows where id = 6", "insert into rows values (7, 2, 0)")
    (run,) = runs.score(**asked)
    assert counts(run, "rows_in", "rows_vanished") == (1, 1)
    assert best() == ([1, 5, 6] if vanished == "flag" else [1, 5])
    told = runs.scores("id", "prediction", "decision")
    assert told[0] == (1, 90, "yes") and told[-1] == (7, 20, "no")
    assert [row for row in told if row[0] == 6] == {
        "keep": [(6, 60, None)], "flag": [(6, 60, "yes")], "delete": []
    }[vanished]  # fmt: skip


def test_a_threshold_decides_each_row_by_itself(runs: Runs) -> None:
    runs.score(rescore="changed", decision={"score": "prediction", "threshold": 35})
    assert runs.scores("id", "decision")[2:4] == [(3, "no"), (4, "yes")]
    runs.execute("insert into rows values (7, 7, 0)")
    runs.score(rescore="changed", decision={"score": "prediction", "threshold": 45})
    assert runs.scores("id", "decision")[3:] == [(4, "no"), (5, "yes"), (6, "yes"), (7, "yes")]
    assert len(runs.query("select distinct scoring_run_id from scores")) == 2
    runs.score(rescore="changed", decision={"score": "prediction", "top_n": 1, "per": "b"}, passthrough="b",
               given={"on_schema_change": "append_new_columns"})  # fmt: skip


@pytest.mark.parametrize("rescore", ("all", {"rule": "changed", "vanished": "keep"}), ids=str)
def test_rows_are_ranked_within_their_group(rescore: Any, runs: Runs) -> None:
    runs.execute("alter table rows add column shop text", "update rows set shop = if(id < 4, 'x', 'y')")
    asked = {"model": "best", "group": "shop", "passthrough": "shop", "rescore": rescore}
    runs.score(**asked)
    assert runs.scores("shop", "rank", "id") == [
        *(("x", 1, 3), ("x", 2, 2), ("x", 3, 1), ("y", 1, 6), ("y", 2, 5), ("y", 3, 4))
    ]
    runs.execute("update rows set a = 9 where id = 1", "delete from rows where id = 6")
    runs.score(**asked)
    left = [("y", None, 6)] if rescore != "all" else []
    assert [row for row in runs.scores("shop", "rank", "id") if row[0] == "x"] == [
        *(("x", 1, 1), ("x", 2, 3), ("x", 3, 2))
    ]
    assert [row for row in runs.scores("shop", "rank", "id") if row[1] is None] == left


# --- histories ---


@pytest.mark.parametrize("backend", ("sql", "matrix"))
def test_a_history_is_appended_to(backend: str, runs: Runs) -> None:
    runs.execute(
        "create or replace table rows as select i as id, i * d * 1.0e0 as a, 0.0e0 as b, "
        "(date '2026-01-01' + d::int) as day from range(1, 4) t(i), range(1, 4) u(d)"
    )
    asked = {"as_of": "day", "backend": backend, "decision": {"score": "prediction", "top_n": 1}}
    (run,) = runs.score("select * from rows where day < '2026-01-03'", **asked)
    assert counts(run, "rows_in", "rows_new") == (3, 3)
    runs.execute("update rows set a = 100 where day = '2026-01-02'")
    (run,) = runs.score(**asked)
    assert counts(run) == (6, 0, 0, 3, 0)
    second, third, fourth = (date(2026, 1, day) for day in (2, 3, 4))
    assert runs.scores("day", "id", "prediction") == [
        *((second, each, 10 * each) for each in (1, 2, 3)),
        *((third, each, 20 * each) for each in (1, 2, 3)),
        *((fourth, each, 30 * each) for each in (1, 2, 3)),
    ]
    assert runs.query("select day, id from scores where decision = 'yes' order by 1") == [
        *((second, 3), (third, 3), (fourth, 3))
    ]
    assert counts(runs.score("select * from rows limit 0", **asked)[0]) == (0, 0, 0, 0, 0)


def test_a_history_without_a_column_gets_its_date_and_a_backfill_its_slice(runs: Runs) -> None:
    runs.score(as_of="2026-01-31")
    assert {row[0] for row in runs.scores("as_of")} == {date(2026, 1, 31)}
    runs.score(as_of="2026-02-28")
    assert len(runs.scores("id")) == 12
    runs.execute("drop table scores", "alter table rows add column day date",
                 "update rows set day = date '2026-01-01' + id::int")  # fmt: skip
    (run,) = runs.score(as_of="day", given={"slice_from": "2026-01-03", "slice_to": "2026-01-06"})
    assert [row[0] for row in runs.scores("id")] == [2, 3, 4]
    assert counts(run, "slice_from", "slice_to") == ("2026-01-03", "2026-01-06")


# --- columns ---


def test_columns_come_and_go_as_the_setting_says(runs: Runs) -> None:
    runs.execute(
        "alter table rows add column shop text default 's'", "alter table rows add column age int default 3"
    )
    runs.score(rescore="given", passthrough=["shop", "age"])

    def changed(setting: str, **asked: Any) -> dict[str, str]:
        runs.score(rescore="given", given={"on_schema_change": setting}, **asked)
        return {
            n: k for n, k in described(runs.connection, "from scores").items() if n in ("shop", "age", "b")
        }

    for setting in ("", "fail"):
        with pytest.raises(ConfigurationError, match=r"it lacks b, and it has age"):
            changed(setting, passthrough=["shop", "b"])
    assert changed("ignore", passthrough=["shop", "b"]) == {"shop": "VARCHAR", "age": "INTEGER"}
    assert runs.scores("shop", "age") == [("s", None)] * 6
    assert changed("append_new_columns", passthrough=["b"]) == {
        "shop": "VARCHAR",
        "age": "INTEGER",
        "b": "DOUBLE",
    }
    assert runs.scores("shop", "age", "b") == [(None, None, 0)] * 6
    runs.execute("alter table rows alter age type text", "create index one on scores (id)")
    with pytest.raises(ConfigurationError, match=r"drop or retype shop, age of"):
        runs.score(rescore="given", passthrough="b", given={"on_schema_change": "sync_all_columns"})
    runs.execute("create index two on scores (id)")
    sync: dict[str, Any] = {"passthrough": ["b", "age"], "rescore": "given"}
    with pytest.raises(ConfigurationError, match=r"(?s) shop, age of .* has one, two\..* exists \"one\""):
        runs.score(given={"on_schema_change": "sync_all_columns"}, **sync)
    runs.execute("drop index one", "drop index two")
    assert changed("sync_all_columns", passthrough=["b", "age"]) == {"age": "VARCHAR", "b": "DOUBLE"}
    assert runs.scores("age") == [("3",)] * 6
    runs.execute("create index one on scores (id)")  # it stands in nothing's way
    assert changed("sync_all_columns", passthrough=["b", "age"]) == {"age": "VARCHAR", "b": "DOUBLE"}


def test_types_change_where_every_value_fits(runs: Runs) -> None:
    runs.execute("alter table rows add column age int default 3")
    runs.score(rescore="given", passthrough="age")
    asked: dict[str, Any] = {"rescore": "given", "passthrough": "age"}
    runs.execute("alter table rows alter age type bigint")
    with pytest.raises(ConfigurationError, match="'age' is INTEGER in the table and BIGINT in this run"):
        runs.score(given={"on_schema_change": "fail"}, **asked)
    runs.score(given={"on_schema_change": ""}, **asked)
    types = described(runs.connection, "from scores")
    assert types["age"] == "INTEGER" and types["row_status"].startswith("ENUM")
    runs.execute("update rows set age = 3000000000 where id = 1")
    for setting in ("", "ignore", "append_new_columns"):
        with pytest.raises(ConfigurationError, match="not every value fits both types: 'age' is INTEGER"):
            runs.score(given={"on_schema_change": setting}, **asked)
    runs.score(given={"on_schema_change": "sync_all_columns"}, **asked)
    assert runs.scores("age")[-1] == (3_000_000_000,)
    runs.execute("alter table scores alter row_status type text")  # as other databases have it
    runs.score(given={"on_schema_change": "fail"}, **asked)
    runs.execute("update rows set age = 3", "alter table rows alter age type int")
    with pytest.raises(ConfigurationError, match="not every value fits both types: 'age' is BIGINT"):
        runs.score(given={"on_schema_change": "sync_all_columns"}, **asked)
    runs.execute("alter table rows alter age type date using date '2026-01-01'")
    with pytest.raises(ConfigurationError, match="'age' is BIGINT in the table and DATE in this run"):
        runs.score(given={"on_schema_change": "sync_all_columns"}, **asked)


def test_kept_columns_keep_their_types(runs: Runs) -> None:
    runs.execute(
        "create or replace table rows as select uuid() as id, 1e0 as a, 0e0 as b, 7::hugeint as big, "
        "8::uhugeint as huge, 'x'::enum('x', 'y') as side, {'n': 1} as pair, time '12:00' as clock"
    )
    kept = ["big", "huge", "side", "pair", "clock"]
    for backend in BACKENDS:
        runs.score(passthrough=kept, backend=backend)
        types = {name: described(runs.connection, "from rows")[name] for name in ("id", *kept)}
        assert types.items() <= described(runs.connection, "from scores").items()
        assert set(runs.scores("big")) == {(7,)}


@pytest.mark.parametrize(
    ("kind", "said"),
    [("uhugeint", "are UHUGEINT, which"), ("union(n double, t text)", "are UNION, of which")],
)
def test_types_that_do_not_survive_are_refused(kind: str, said: str, runs: Runs) -> None:
    runs.execute(f"create or replace table rows as select 1 as id, 1::{kind} as a, 0.0e0 as b")
    with pytest.raises(SignatureError, match=said):
        runs.score()


# --- features ---


def test_features_may_be_a_frame_or_a_relation(runs: Runs) -> None:
    relation = runs.connection.sql("select * from rows")
    for features in (relation.to_arrow_table(), relation, relation.df()):
        (run,) = runs.score(features)
        assert runs.scores() == by_ten(range(1, 7))
        assert run["feature_query"] == (relation.sql_query() if features is relation else None)
    assert runs.score("select * from rows -- all")[0]["rows_in"] == 6
    assert runs.score(given={"is_empty": True, "is_partial": True})[0]["rows_in"] == 0
    with pytest.raises(ConfigurationError, match="a RecordBatchReader, which can be read only once"):
        runs.score(relation.to_arrow_table().to_reader())
    with pytest.raises(ConfigurationError, match=r"cannot find a table.*nowhere"):
        runs.score("select * from nowhere")
    with pytest.raises(ConfigurationError, match="DuckDB cannot run the select of the model"):
        runs.score("select * from rows;")
    with pytest.raises(ConfigurationError, match="not one whole table of a DuckLake"):
        runs.score(rescore="feed")
