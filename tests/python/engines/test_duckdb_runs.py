"""Which rows a run of DuckDB scores, and what stands in the table and in the run log, without dbt."""

from __future__ import annotations

import itertools
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from duckdb_runs import Runs, by_ten, counts
from scorehouse.engines.duckdb import few, source
from scorehouse.errors import ConfigurationError, ConservationError, RowKeyError, SignatureError

BACKENDS = ("sql", "matrix", "estimator")
TOLD = ("status", "write_mode", "rows_in", "rows_scored", "rows_rejected", "rows_left")


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_backend_writes_and_counts_alike(backend: str, runs: Runs) -> None:
    runs.execute("insert into rows values (7, null, 1)")
    (run,) = runs.score(backend=backend, passthrough="b")
    assert runs.scores("id", "prediction", "row_status", "reject_reason", "b") == [
        *((each, ten, "scored", None, 0) for each, ten in by_ten(range(1, 7))),
        (7, None, "rejected", "null:a", 1),
    ]
    assert counts(run, *TOLD) == ("success", "replace", 7, 6, 1, 0)
    assert run["feature_query"] == "select * from rows"
    told = ("backend", "reject_reasons", "rows_new", "score_min", "score_max", "score_mean")
    assert counts(run, *told) == (backend, '{"null:a": 1}', 7, *map(pytest.approx, (10, 60, 35)))
    (digest,) = {row[0] for row in runs.query("select model_digest from scores")}
    assert digest == run["model_digest"] and 10 < run["peak_memory_mib"] < 100_000
    is_made = (
        "select count(*) from duckdb_tables() where table_name = 'scores' and contains(sql, 'GENERATED')"
    )
    assert runs.query(is_made) == [(1,)]


def test_each_backend_sees_the_same_input(runs: Runs) -> None:
    told = {
        counts(runs.score(backend=each)[0], "input_fingerprint", "feature_hash_kind") for each in BACKENDS
    }
    again = counts(
        runs.score("select * from rows order by id desc")[0], "input_fingerprint", "feature_hash_kind"
    )
    assert told == {again}
    runs.execute("update rows set a = 7 where id = 1")
    (run,) = runs.score()
    assert run["input_fingerprint"] != again[0] and run["backend"] == "sql"


RULES: list[tuple[Any, tuple[int, ...], dict[int, float | None]]] = [
    # the states that a run finds, and what the table then has that differs from all rows as they are now
    ("given", (None,) * 5, {1: 10}),  # type: ignore[arg-type]
    ("new", (1, 0, 0, 5, 1), {1: 10, 2: 20, 3: 30}),
    ("changed", (1, 2, 0, 3, 1), {1: 10}),
    ({"rule": "changed", "vanished": "delete"}, (1, 2, 0, 3, 1), {}),
    ({"rule": "changed", "vanished": "flag"}, (1, 2, 0, 3, 1), {1: 10}),
    ({"updated_at": "seen"}, (1, 1, 0, 4, 1), {1: 10, 3: 30}),
    ({"updated_at": "seen", "vanished": "delete"}, (1, 1, 0, 4, 1), {3: 30}),
]


@pytest.mark.parametrize("backend", ("sql", "matrix"))
@pytest.mark.parametrize(("rescore", "states", "differs"), RULES, ids=str)
def test_a_rule_scores_its_rows(
    rescore: Any, states: Any, differs: dict[int, float | None], backend: str, runs: Runs
) -> None:
    runs.execute("alter table rows add column seen timestamp default timestamp '2026-01-01'")
    asked = {"rescore": rescore, "backend": backend}
    (run,) = runs.score(**asked)
    assert counts(run, *TOLD) == ("success", "replace", 6, 6, 0, 0)
    runs.execute(
        "delete from rows where id = 1",
        "update rows set a = 12, seen = '2026-01-02' where id = 2",
        "update rows set a = 13 where id = 3",
        "insert into rows values (7, 7, 0, '2026-01-02')",
    )
    (run,) = runs.score(**asked)
    now = {2: 120.0, 3: 130.0, 4: 40.0, 5: 50.0, 6: 60.0, 7: 70.0}
    assert dict(runs.scores()) == {**now, **differs}
    assert counts(run) == states
    scored = 6 if rescore == "given" else sum(states[:2])
    assert counts(run, *TOLD) == ("success", "merge", scored, scored, 0, 0)
    of_run = runs.query(f"select count(*) from scores where scoring_run_id = '{run['run_id']}'")
    assert of_run == [(scored,)]
    if rescore == {"rule": "changed", "vanished": "flag"}:
        assert runs.query("select id from scores where is_vanished") == [(1,)]
        assert counts(runs.score(**asked)[0]) == (0, 0, 0, 6, 1)
        runs.execute("insert into rows values (1, 1, 0, '2026-01-01')")
        assert counts(runs.score(**asked)[0]) == (1, 0, 0, 6, 0)
        assert runs.query("select id from scores where is_vanished") == []


@pytest.mark.parametrize("rescore", ("changed", {"updated_at": "seen"}), ids=str)
def test_a_promotion_makes_rows_stale(rescore: Any, runs: Runs) -> None:
    runs.execute("alter table rows add column seen timestamp default timestamp '2026-01-01'")
    runs.score(rescore=rescore)
    (run,) = runs.score(rescore=rescore, alias="challenger")
    assert counts(run) == (0, 0, 6, 0, 0)
    assert runs.scores() == [(each, 10 * ten) for each, ten in by_ten(range(1, 7))]


# --- few rows ---

KINDS = ("timestamp", "timestamptz", "timestamp_ms", "timestamp_s", "date")


@pytest.fixture
def few_found(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What each run's search for few rows gave: a relation that has them, or nothing."""
    found, find = list[str](), few.Few.find

    def noted(self: few.Few) -> str:
        found.append(find(self))
        return found[-1]

    monkeypatch.setattr(few.Few, "find", noted)
    return found


def forty(runs: Runs, kind: str) -> None:
    runs.execute(
        "set timezone = 'America/New_York'",
        "create or replace table rows as select i as id, i / 10.0e0 as a, 0.0e0 as b, "
        f"(timestamp '2026-01-01 12:00' + to_days(i::int))::{kind} as seen from range(1, 41) t(i)",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_few_rows_are_found_by_times_of_each_type(kind: str, runs: Runs, few_found: list[str]) -> None:
    forty(runs, kind)
    asked = {"features": "select * from rows", "rescore": {"updated_at": "seen"}}
    assert counts(runs.score(**asked)[0]) == (40, 0, 0, 0, 0)
    latest = datetime(2026, 2, 10, 17 if kind == "timestamptz" else 12)
    latest = datetime(2026, 2, 10) if kind == "date" else latest
    assert runs.log()[-1]["watermark"] == latest
    assert counts(runs.score(**asked)[0]) == (0, 0, 0, 40, 0)
    runs.execute(
        "update rows set a = 9, seen = seen + interval 1 day where id = 40",
        f"insert into rows values (41, 8, 0, (timestamp '2026-02-13')::{kind})",
    )
    (run,) = runs.score(**asked)
    assert counts(run) == (1, 1, 0, 39, 0) and run["rows_scored"] == 2
    assert runs.scores()[39:] == [(40, 90), (41, 80)]
    assert [bool(each) for each in few_found] == [True, True]
    runs.execute(f"insert into rows values (42, 1, 1, (timestamp '2026-02-14')::{kind})")
    assert counts(runs.score(**asked)[0]) == (1, 0, 0, 41, 0) and few_found[2]
    assert ("'2026-02-11 16:59:59.999999+00'" if kind == "timestamptz" else "'2026-02-1") in few_found[1]


def test_a_look_back_scores_rows_again(runs: Runs, few_found: list[str]) -> None:
    forty(runs, "timestamp")
    rescore: dict[str, Any] = {"updated_at": "seen", "lookback": "1 day"}
    runs.score("select * from rows", rescore=rescore)
    assert counts(runs.score("select * from rows", rescore=rescore)[0]) == (0, 1, 0, 39, 0)
    assert counts(runs.score("select * from rows", rescore={**rescore, "lookback": 86_401})[0]) == (
        0,
        2,
        0,
        38,
        0,
    )
    assert counts(runs.score("select * from rows", rescore={**rescore, "lookback": 0})[0]) == (0, 0, 0, 40, 0)
    with pytest.raises(ConfigurationError, match="rescore has lookback 'soon'"):
        runs.score("select * from rows", rescore={**rescore, "lookback": "soon"})
    assert all(few_found)


NOT_FEW = {
    "a row without a time": ("update rows set seen = null where id = 5", (0, 1, 0, 39, 0)),
    "a late row with an old time": ("insert into rows values (50, 1, 1, '2020-01-01')", (1, 0, 0, 40, 0)),
    "a row that left": ("delete from rows where id = 5", (0, 0, 0, 39, 1)),
    "many new rows": ("insert into rows select id + 50, a, b, seen from rows where id < 9", (8, 0, 0, 40, 0)),
}


@pytest.mark.parametrize("case", NOT_FEW)
def test_a_join_finds_what_times_cannot_tell(case: str, runs: Runs, few_found: list[str]) -> None:
    forty(runs, "timestamp")
    asked = {"features": "select * from rows", "rescore": {"updated_at": "seen", "vanished": "delete"}}
    runs.score(**asked)
    statement, states = NOT_FEW[case]
    runs.execute(statement)
    assert counts(runs.score(**asked)[0]) == states and few_found == [""]
    assert runs.query("from (select id from rows) except select id from scores") == []
    assert runs.query("select count(*) from scores") == runs.query("select count(*) from rows")


def test_few_rows_are_found_by_hashes(runs: Runs, few_found: list[str]) -> None:
    forty(runs, "timestamp")
    asked = {"features": "select * from rows", "rescore": {"rule": "changed", "vanished": "delete"}}
    runs.score(**asked)
    runs.execute("delete from rows where id = 1", "update rows set a = 9 where id = 2")
    runs.execute("insert into rows values (41, 1, 1, null)")
    assert counts(runs.score(**asked)[0]) == (1, 1, 0, 38, 1)
    assert runs.scores()[0] == (2, 90) and len(runs.scores()) == 40 and few_found == [few.DIFFERING]
    assert runs.score("select * from rows where true", **{"rescore": asked["rescore"]})[0]["rows_in"] == 0
    assert few_found[1] == ""  # these rows have to be computed
    runs.score("select * from rows", rescore="changed", alias="challenger")
    assert few_found[2] == ""  # all rows are stale


@pytest.mark.parametrize("types", [("bigint", "integer"), ("integer", "bigint")])
def test_a_key_of_another_type_is_not_compared_by_hashes(
    types: tuple[str, str], runs: Runs, few_found: list[str]
) -> None:
    forty(runs, "timestamp")
    runs.execute(f"alter table rows alter id type {types[0]}")
    asked = {"rescore": "changed", "given": {"on_schema_change": "append_new_columns"}}
    runs.score("select * from rows", **asked)
    runs.execute(f"alter table rows alter id type {types[1]}", "update rows set a = 9 where id = 2")
    assert counts(runs.score("select * from rows", **asked)[0], "rows_new", "rows_vanished") == (0, 0)
    assert few_found == [""]


@pytest.mark.parametrize("rescore", ("all", "given", "new", "changed", {"updated_at": "seen"}), ids=str)
@pytest.mark.parametrize("features", ("select * from rows", "select * from rows where true"))
def test_keys_that_are_twice_or_null_are_refused(rescore: Any, features: str, runs: Runs) -> None:
    forty(runs, "timestamp")
    runs.score(features, rescore=rescore)
    before = runs.scores()
    for statement, said in (
        (
            "insert into rows select * replace (timestamp '2027-01-01' as seen) from rows where id = 3",
            "3 \\(2 times\\)",
        ),
        ("update rows set id = 50 where id = 3", r"50 \(2 times\)"),
        ("update rows set id = null where id = 50", "have a NULL in the key"),
    ):
        runs.execute(statement)
        with pytest.raises(RowKeyError, match=said):
            runs.score(features, rescore=rescore)
        assert runs.scores() == before and runs.log()[-1]["status"] == "failed"


# --- budgets ---


@pytest.mark.parametrize("backend", ("sql", "matrix"))
def test_a_budget_of_rows_takes_new_rows_first(backend: str, runs: Runs) -> None:
    asked = {"rescore": {"rule": "changed", "max_rows": 4}, "backend": backend}
    assert counts(runs.score(**asked)[0], *TOLD) == ("success", "replace", 4, 4, 0, 2)
    runs.execute("update rows set a = 9 where id in (1, 2, 3)")
    assert counts(runs.score(**asked)[0], *TOLD) == ("success", "merge", 4, 4, 0, 1)
    assert runs.scores() == [(1, 90), (2, 90), (3, 30), (4, 40), (5, 50), (6, 60)]
    assert counts(runs.score(**asked)[0], *TOLD) == ("success", "merge", 1, 1, 0, 0)
    assert runs.scores()[2] == (3, 90)


@pytest.mark.parametrize("backend", ("sql", "matrix"))
def test_a_budget_of_seconds_leaves_rows_for_the_next_run(
    backend: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.execute(
        "create or replace table rows as select i as id, i / 1e3 as a, 0.0e0 as b from range(5000) t(i)"
    )
    asked = {"rescore": {"rule": "changed", "max_seconds": 5}, "backend": backend, "batch_rows": 1000}
    monkeypatch.setattr(source, "time", SimpleNamespace(monotonic=itertools.count(0, 2).__next__))
    (run,) = runs.score(**asked)  # the clock is at 4 after the first batch, and at 6 after the second
    assert counts(run, *TOLD) == ("success", "replace", 2000, 2000, 0, 3000)
    assert runs.query("select count(*) from scores") == [(2000,)]
    monkeypatch.undo()
    assert counts(runs.score(**asked)[0], *TOLD) == ("success", "merge", 3000, 3000, 0, 0)
    assert runs.query("select count(*), count(distinct id), round(max(prediction), 3) from scores") == [
        (5000, 5000, 49.99)
    ]


# --- rows that are lost, rejected, or cannot be computed ---


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failed_run_leaves_the_table_and_says_why(backend: str, runs: Runs) -> None:
    runs.score(backend=backend)
    before = runs.scores()
    runs.execute("update rows set a = null where id < 3")
    with pytest.raises(ConservationError, match=r"2 of 6 rows were rejected \(0.3333\)"):
        runs.score(backend=backend, max_rejected_share=0.3)
    assert runs.scores() == before
    with pytest.raises(SignatureError, match=r"could not compute a value of the features.*no sensor"):
        runs.score("select * replace (if(id = 4, error('no sensor'), a) as a) from rows", backend=backend)
    assert runs.scores() == before
    log = runs.log()
    assert [each["status"] for each in log] == ["success", "failed", "failed"]
    assert "raise max_rejected_share" in log[1]["error"] and "no sensor" in log[2]["error"]
    assert log[1]["rows_rejected"] == 2 and runs.score(backend=backend, max_rejected_share=0.34)


@pytest.mark.parametrize("backend", ("sql", "matrix"))
def test_a_row_that_appears_from_nowhere_fails_the_run(
    backend: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source.DuckDBSource, "check_keys", lambda *_, **__: 7)
    with pytest.raises(ConservationError, match="7 rows went in, 6 scored and 0 rejected rows came out"):
        runs.score(backend=backend)
    assert not runs.exists and runs.log()[-1]["status"] == "failed"
