"""What a run on DuckDB refuses and logs; streams, reasons, memory and threads: in memory, without dbt."""

from __future__ import annotations

import itertools
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from asked_of_engines import options
from duckdb_runs import Runs, by_ten, counts
from scorehouse.engines import choose
from scorehouse.engines import run as run_module
from scorehouse.engines.duckdb import counted, engine, workers
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.run import output_names
from scorehouse.errors import (
    ConfigurationError,
    ConservationError,
    EngineError,
    RegistryError,
    RowKeyError,
    ScorehouseError,
    SignatureError,
)

BACKENDS = ("sql", "matrix", "estimator")
BOTH = ["champion", "challenger"]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that a run logs for the user."""
    lines: list[str] = []
    for module in (run_module, counted):
        monkeypatch.setattr(module, "logger", SimpleNamespace(info=lines.append, warning=lines.append))
    return lines


def test_each_version_is_summed_up(runs: Runs, said: list[str]) -> None:
    runs.score(alias=BOTH)
    assert len(said) == 2 and all("6 rows in, 6 scored, 0 rejected" in line for line in said)
    assert ["by toy version 1" in said[0], "by toy version 2" in said[1]] == [True, True]


def test_progress_is_told_every_few_seconds(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 4, 5, 9, 10])
    monkeypatch.setattr(counted.time, "monotonic", lambda: next(clock))
    progress = counted.Progress("scores", 9000)
    for _ in range(4):
        progress.advance(1500)
    assert said == [
        "scores: 3,000 of 9,000 rows scored, 600 rows/s, 10 s left",
        "scores: 6,000 of 9,000 rows scored, 600 rows/s, 5 s left",
    ]


def test_a_stopped_command_stops_its_runs(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()
    monkeypatch.setitem(sys.modules, "dbt_scorehouse", SimpleNamespace(stopping=stopping))
    for backend in ("sql", "estimator"):
        assert runs.score(backend=backend)
    stopping.set()
    for backend in ("sql", "estimator"):
        with pytest.raises(EngineError, match="interrupted by Ctrl-C or a termination signal"):
            runs.score(backend=backend)
    assert [each["status"] for each in runs.log()] == ["success", "success", "failed", "failed"]


@pytest.mark.parametrize(("module", "name"), [("pyspark.sql.session", "spark"), ("_duckdb", "duckdb")])
def test_an_engine_is_that_of_the_session(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "import_module", lambda place: SimpleNamespace(ENGINE=lambda *_: place))
    session: Any = type("Session", (), {"__module__": module})()
    request: Any = None
    assert choose.engine_of(session, request, "score()") == f"scorehouse.engines.{name}.engine"


# --- what is refused ---


def test_versions_that_differ_are_refused() -> None:
    def kernel(number: int, *names: str, task: str = "classification") -> Any:
        version = SimpleNamespace(label=f"churn version {number}", task=task)
        schema = pa.schema([pa.field(name, pa.float64()) for name in names])
        return SimpleNamespace(version=version, schema=schema)

    asked = options(passthrough="shop", decision={"score": "score", "top_n": 1, "per": "shop"})
    assert output_names([kernel(1, "score"), kernel(2, "score")], asked, "score()") == ["score"]
    for other in (kernel(2, "score", "b"), kernel(2, "score", task="ranking")):
        with pytest.raises(ConfigurationError, match=r"version 2 gives .* and churn version 1 gives score\."):
            output_names([kernel(1, "score"), other], asked, "score()")
    with pytest.raises(ConfigurationError, match=r"will not have: city, score"):
        output_names(
            [kernel(1, "a")], options(decision={"score": "score", "top_n": 1, "per": "city"}), "score()"
        )


@pytest.mark.parametrize("features", [(["a", "B"], ["A", "B"]), (["A"], ["a"])], ids=str)
def test_features_that_are_spelled_in_two_ways_are_refused(features: Any) -> None:
    source: Any = SimpleNamespace(call="score()", columns=SimpleNamespace(features=features))
    with pytest.raises(SignatureError, match=r"of one version is spelled '[aA]' in another"):
        DuckDBSource._refuse_other_spellings(source)
    source.columns.features = (features[0], features[0])
    DuckDBSource._refuse_other_spellings(source)


WINDOW = {"event_time": "seen", "slice_from": "2026-01-02", "slice_to": "2026-01-03"}
MICROBATCH: list[tuple[dict[str, Any], str]] = [
    ({}, "rescore='all', which would rebuild"),
    ({"rescore": "feed"}, "rescore='feed', since a batch"),
    ({"rescore": "new", "as_of": "seen"}, "combined with as_of='seen'"),
    ({"rescore": {"rule": "changed", "vanished": "flag"}}, "combined with vanished='flag'"),
    ({"rescore": "new", "decision": {"score": "prediction", "top_n": 1}}, "combined with a rank or top_n"),
    ({"rescore": "given"}, "event_time='seen' is not a column of the prediction table"),
]


@pytest.mark.parametrize(("asked", "problem"), MICROBATCH, ids=str)
def test_a_batch_refuses_what_needs_all_rows(asked: dict[str, Any], problem: str, runs: Runs) -> None:
    runs.execute("alter table rows add column seen date default date '2026-01-02'")
    with pytest.raises(ScorehouseError) as raised:
        runs.score(given=WINDOW, **asked)
    assert "incremental_strategy='microbatch'" in str(raised.value) and problem in str(raised.value)


def test_a_batch_scores_its_window(runs: Runs) -> None:
    runs.execute("alter table rows add column seen date",
                 "update rows set seen = date '2026-01-01' + (id / 2)::int")  # fmt: skip
    inside = [row[0] for row in runs.query("select id from rows where seen = '2026-01-02'")]
    for asked in ({"rescore": "new"}, {"rescore": "given", "passthrough": "seen"}):
        (run,) = runs.score(given=WINDOW, **asked)
        assert run["rows_in"] == len(inside) > 0 and runs.scores() == by_ten(inside)
        runs.execute("drop table scores")


def test_the_rule_feed_falls_back_where_dbt_limited_the_features(runs: Runs) -> None:
    assert runs.score(rescore="changed", given={"is_partial": True})[0]["feed_reason"] is None
    runs.execute("update rows set a = 9 where id = 1")
    (run,) = runs.score(rescore="feed", given={"is_partial": True})
    told = ("feed_reason", "rescore_rule", "rows_changed", "rows_in")
    assert counts(run, *told) == ("dbt limited the features of this run", "feed", 1, 1)
    assert counts(runs.score(rescore="changed")[0], *told) == (None, "changed", 0, 0)
    both = {"alias": BOTH, "given": {"is_partial": True}}
    runs.execute("drop table scores", "insert into rows values (7, 7, 0)")
    runs.score(rescore="changed", **both)
    runs.execute("update rows set id = 6 where id = 7")
    with pytest.raises(RowKeyError, match=r"6 \(2 times\)"):
        runs.score(rescore="feed", **both)


def test_a_registry_is_the_one_in_version_control(runs: Runs) -> None:
    with pytest.raises(RegistryError, match="ml_other does not exist"):
        runs.score(model="other")
    runs.execute("create table other as from ml_toy")
    with pytest.raises(ConfigurationError, match="model is a int"):
        runs.score(model=7)
    with pytest.raises(ConfigurationError, match="fits none of the registry seeds"):
        runs.score(model=runs.connection.table("other"))
    assert runs.score(model=runs.connection.sql("from memory.main.ml_toy"))[0]["rows_in"] == 6
    bare = replace(runs.request.registries[0], relation="ml_toy")
    assert runs.score(given={"registries": (bare,)})[0]["rows_in"] == 6
    runs.execute("update ml_toy set sha256 = 'other' where version = '1'")
    with pytest.raises(RegistryError, match="differs from the registry in version control"):
        runs.score()


def test_a_model_made_in_python_is_no_registry(runs: Runs) -> None:
    with pytest.raises(ConfigurationError, match="model is made in Python, which fits none"):
        runs.score(model=runs.connection.sql("select 1"))


# --- dbt's own materializations ---


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stream_is_logged_when_it_ends(backend: str, runs: Runs) -> None:
    plain = {"staging": "", "vanished": "", "materialization": "table"}
    reader = runs.settled(given=plain, backend=backend, passthrough="b").stream()
    assert counts(runs.log()[0], "status", "rows_in", "finished_at") == ("started", 0, None)
    table = pa.Table.from_batches(list(reader), reader.schema)
    assert table["prediction"].to_pylist() == pytest.approx([10, 20, 30, 40, 50, 60])
    assert (
        table["row_status"].type == pa.string() and table.schema.field("scoring_run_id").type != pa.string()
    )
    (run,) = runs.log()
    assert counts(run, "status", "rows_in", "rows_scored") == ("started", 6, 6)
    failing = "select * replace (if(id = 4, error('no sensor'), a) as a) from rows"
    with pytest.raises(SignatureError, match="no sensor"):
        list(runs.settled(failing, given=plain, backend=backend).stream())
    assert counts(runs.log()[1], "status", "rows_scored") == ("failed", 0)
    assert "could not compute a value of the features" in runs.log()[1]["error"]


@pytest.mark.parametrize("rows", (6, 300_000))
@pytest.mark.parametrize("backend", ("sql", "matrix"))
def test_a_stream_that_fails_says_why(backend: str, rows: int, runs: Runs) -> None:
    """Few rows are scored before the first is asked for, many while they are read."""
    runs.execute(
        "delete from rows", f"insert into rows select i, if(i > 2, null, 1), 0 from range({rows}) t(i)"
    )
    plain = {"staging": "", "vanished": "", "materialization": "table"}
    with pytest.raises(ConservationError, match="rows were rejected"):
        list(runs.settled(given=plain, backend=backend, max_rejected_share=0.1).stream())
    (run,) = runs.log()
    assert counts(run, "status", "rows_scored") == ("failed", 3) and "raise max_rejected" in run["error"]


# --- reasons, memory, threads ---


@pytest.mark.parametrize("backend", ("auto", "sql", "matrix", "estimator"))
def test_reasons_are_given_by_each_backend(backend: str, runs: Runs) -> None:
    (run,) = runs.score(reasons=1, backend=backend)
    assert runs.scores("id", "reason_1")[:2] == [(1, "a"), (2, "a")]
    total = "reason_base + reason_1_contribution + reason_rest"
    assert runs.scores("id", f"round({total} - prediction, 6)") == [(each, 0) for each in range(1, 7)]
    assert run["backend"] == {"auto": "matrix"}.get(backend, backend)


def test_memory_is_limited_where_a_stored_table_streams(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[str | None] = []
    limited = engine.limited_memory
    monkeypatch.setattr(
        engine, "limited_memory", lambda session, at: limits.append(at) or limited(session, at)
    )
    given = {"memory_limit": "auto"}
    best = {"score": "prediction", "top_n": 1}
    for asked in ({}, {"features": "select id, a, b from rows"}, {"decision": best}):
        runs.score(given=given, **asked)
    runs.score(model="best", group="b", given=given)
    threads = int(runs.query("select current_setting('threads')")[0][0])
    assert limits == [f"{(128 + 4 * 10) * threads}MB", None, None, None]


def test_a_stream_that_is_left_early_ends_its_threads() -> None:
    stream = workers.overlapped(itertools.count(1), lambda number: number, 2)
    assert [next(stream) for _ in range(3)] == [1, 2, 3]
    stream.close()
    names = {thread.name.rpartition("_")[0] for thread in threading.enumerate()}
    assert not names & {"scorehouse-reader", "scorehouse-worker"}


def test_room_is_held_on_the_disk_of_the_run_log(runs: Runs, tmp_path: Any) -> None:
    with duckdb.connect(tmp_path / "house.duckdb") as connection:
        asked = SimpleNamespace(run_id="", staging="house.main.staging", run_log="house.main.runs")
        found: Any = engine.DuckDBEngine(connection, asked, "score()")
        found.log_start(SimpleNamespace(request=asked))
        assert found.room.tell() >= 64 * 1024
        connection.execute("create table runs (parent_run_id text, status text)")
        found.log_failure(
            SimpleNamespace(request=asked, to_row=lambda *_, **__: {"status": "failed"}), ValueError("no")
        )
        assert found.room.closed
