"""What the database adds to scored rows, run on a small table, and what a plan finds and leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import duckdb
import pytest

from scorehouse.engines.columns import Columns
from scorehouse.engines.output import Output, absent_suffixes, added_columns, wide_suffixes
from scorehouse.engines.run import records_of
from scorehouse.engines.source import Planner
from scorehouse.errors import ConfigurationError
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part, resolve_parts
from scorehouse.scoring.request import Request, RunRecord

RUN = "11111111-1111-1111-1111-111111111111"
STARTED = datetime(2026, 3, 1, 6, 7, 8, 901234)
REQUEST = Request(RUN, "call", "node", "scores", "runs", Path(), LoadPolicy(), staging="staging")
FIRST = Version(name="churn", version=1, aliases=("champion",), task="classification", sha256="aa")
BOTH = [FIRST, replace(FIRST, version=2, aliases=("challenger",), sha256="bb")]
ROWS = [(1, "x", 0.2, None, 7), (2, "y", 0.9, None, 8), (3, "x", None, "null:a", 9)]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        found.execute(
            "create table one (id int, region text, score double, reject_reason text, feature_hash ubigint, "
            "scorehouse_part int)"
        )
        for row in ROWS:
            found.execute("insert into one values (?, ?, ?, ?, ?, 0)", list(row))
        found.execute("create table several as from one union all select * replace (score / 2 as score, "
                      "1 as scorehouse_part) from one")  # fmt: skip
        found.execute("create table wide as select *, score / 2 as score__challenger, "
                      "reject_reason as reject_reason__challenger from one")  # fmt: skip
        yield found


def made(given: dict[str, Any], versions: list[Version]) -> Output:
    options = ScoreOptions.checked("score()", **{"key": "id", "passthrough": "region", **given})
    record = RunRecord(REQUEST, options, started_at=STARTED.replace(tzinfo=UTC))
    records = records_of(record, resolve_parts(versions, options, "score()"), options)
    group = {} if options.group is None else {options.group: "region"}
    columns = Columns({"id": "id"}, {"region": "region"}, [{} for _ in records], group, options.is_wide)
    return Output(columns, {"id": "BIGINT"}, ["score", "reject_reason"], options, records)


def rows(connection: duckdb.DuckDBPyConnection, output: Output, table: str) -> list[dict[str, Any]]:
    found = connection.sql(output.select(table))
    return [dict(zip(found.columns, row, strict=True)) for row in found.order("all").fetchall()]


def expected(row: tuple[Any, ...], **changed: Any) -> dict[str, Any]:
    number, region, score, reason, digest = row
    return {
        **{"id": number, "region": region, "score": score, "reject_reason": reason, "feature_hash": digest},
        "row_status": "scored" if reason is None else "rejected",
        **{"model_name": "churn", "model_version": 1, "model_digest": "aa", "scoring_run_id": UUID(RUN)},
        **{"scored_at": STARTED, **changed},
    }


def test_rows_of_one_version(connection: duckdb.DuckDBPyConnection) -> None:
    output = made({}, BOTH)
    assert rows(connection, output, "one") == [expected(row) for row in ROWS]
    types = dict(connection.execute(f"describe {output.select('one')}").fetchall()[i][:2] for i in range(10))
    assert (types["id"], types["model_version"], types["scoring_run_id"]) == ("BIGINT", "INTEGER", "UUID")
    assert types["row_status"].startswith("ENUM") and types["scored_at"] == "TIMESTAMP"
    assert added_columns(output.options, ["score"], output.records) == [] and not output.needs_all_rows
    assert "score" not in connection.sql(output.select("one", without=["score"])).columns
    assert list(output.derived()) == [
        *("row_status", "model_name", "model_version", "model_digest", "scoring_run_id", "scored_at")
    ]
    assert output.decided_again() == {}


def test_rows_of_several_versions_and_of_a_wide_table(connection: duckdb.DuckDBPyConnection) -> None:
    asked = {"alias": ["champion", "challenger"]}
    output = made(asked, BOTH)
    assert added_columns(output.options, ["score"], output.records) == ["model_alias", "is_live"]
    assert (
        wide_suffixes(output.options, output.records) == absent_suffixes(output.options, output.records) == []
    )
    other = UUID(output.records[1].run_id)
    second = {"model_version": 2, "model_digest": "bb", "model_alias": "challenger", "is_live": False}
    assert other != UUID(RUN) and rows(connection, output, "several where scorehouse_part = 1") == [
        expected(row, score=row[2] and row[2] / 2, scoring_run_id=other, **second) for row in ROWS
    ]
    assert rows(connection, output, "several where scorehouse_part = 0") == [
        expected(row, model_alias="champion", is_live=True) for row in ROWS
    ]
    output = made({**asked, "layout": "wide"}, BOTH)
    added = ["score__challenger", "model_version__challenger"]
    assert added_columns(output.options, ["score"], output.records) == added
    assert rows(connection, output, "wide") == [
        expected(
            row,
            score__challenger=row[2] and row[2] / 2,
            reject_reason__challenger=row[3],
            model_version__challenger=2,
        )
        for row in ROWS
    ]
    assert "model_version__challenger" in output.derived()
    output = made({**asked, "layout": "wide"}, BOTH[:1])  # nobody challenges: its columns are there
    assert added_columns(output.options, ["score"], output.records) == added
    nothing = dict.fromkeys((*added, "reject_reason__challenger"))
    assert rows(connection, output, "one") == [expected(row, **nothing) for row in ROWS]


def test_ranks_and_decisions(connection: duckdb.DuckDBPyConnection) -> None:
    ranking = [replace(FIRST, task="ranking")]
    output = made({"group": "region"}, ranking)
    assert output.needs_all_rows and added_columns(output.options, [], output.records) == ["rank"]
    connection.execute("insert into one values (4, 'x', 0.2, null, 5, 0), (5, 'x', 0.7, null, 5, 0)")
    assert {row["id"]: row["rank"] for row in rows(connection, output, "one")} == {
        1: 2,
        2: 1,
        3: None,
        4: 3,
        5: 1,
    }
    for treated in ("keep", "delete"):
        output = made({"rescore": {"rule": "changed", "vanished": treated}}, BOTH)
        assert added_columns(output.options, ["score"], output.records) == []
    flags = {"rescore": {"rule": "changed", "vanished": "flag"}}
    output = made({"decision": {"top_n": 2}, **flags}, BOTH)
    assert output.needs_all_rows and "decision_policy" in output.derived()
    added = ["decision", "band", "decision_policy", "is_vanished"]
    assert added_columns(output.options, ["score"], output.records) == added
    found = rows(connection, output, "one")
    assert {row["id"] for row in found if row["decision"] == "yes"} == {2, 5}
    assert {row["is_vanished"] for row in found} == {False} and found[2]["decision"] is None
    assert set(output.decided_again()) == {"decision", "band", "decision_policy"}
    assert not made({"decision": {"threshold": 0.5}}, BOTH).needs_all_rows


class Plan(Planner[Any]):
    """A plan of no engine; `at` is a column of times."""

    found = False

    def count_rows(self) -> int:
        return 10

    def find(self) -> None:
        self.found = True

    def type_of(self, column: str) -> tuple[str, bool]:
        return "TIMESTAMP" if column == "At" else "INTEGER", column == "At"

    def newest(self, column: str) -> datetime | None:
        return STARTED

    def interval_us(self, text: str) -> int | None:
        return 7 if text == "7 us" else None


def plan(given: dict[str, Any], mode: str = "merge", version: Version = FIRST, **request: Any) -> Plan:
    options = ScoreOptions.checked("score()", **{"key": "id", **given})
    record = RunRecord(REQUEST, options, Part(version, "champion", True), write_mode=mode)
    columns = SimpleNamespace(group={"region": "region"} if options.group else {})
    types = {"id": "INTEGER", "At": "TIMESTAMP"}
    source: Any = SimpleNamespace(
        options=options,
        request=replace(REQUEST, **request),
        table_types=types,
        columns=columns,
        call="score()",
    )
    return Plan(source, [record])


@pytest.mark.parametrize(
    ("given", "mode", "is_partial", "unplaced", "skips"),
    [
        ({"decision": {"top_n": 1}, "rescore": "changed"}, "merge", False, ["decision"], False),
        ({"decision": {"top_n": 1}, "rescore": "changed"}, "merge", True, [], True),
        ({"decision": {"top_n": 1}, "rescore": "changed"}, "replace", False, [], False),
        ({"decision": {"top_n": 1}, "rescore": "new"}, "merge", False, ["decision"], False),
        ({"decision": {"top_n": 1}, "rescore": "given"}, "merge", False, [], False),
        ({"decision": {"threshold": 0.5}, "rescore": "changed"}, "merge", True, [], False),
        (
            {"decision": {"top_n": 1}, "rescore": {"rule": "changed", "vanished": "delete"}},
            *("merge", False, [], False),
        ),
    ],
)
def test_predictions_without_a_row_have_no_place(
    given: dict[str, Any], mode: str, is_partial: bool, unplaced: list[str], skips: bool
) -> None:
    made_plan = plan(given, mode, is_partial=is_partial)
    assert (made_plan.unplaced, made_plan.skips_undecided) == (unplaced, skips)
    ranks = plan({"rescore": "changed", "group": "region"}, version=replace(FIRST, task="ranking"))
    assert (ranks.unplaced, ranks.ranks, made_plan.ranks) == (["rank"], True, False)


def test_what_a_plan_finds_and_leaves() -> None:
    for given, mode, finds in (
        ({}, "replace", False),
        ({"rescore": "given"}, "merge", False),
        ({"rescore": "changed"}, "replace", False),
        ({"rescore": "changed"}, "merge", True),
        ({"rescore": {"rule": "changed", "max_rows": 3}}, "replace", True),
    ):
        made_plan = plan(given, mode)
        made_plan.run()
        record = made_plan.records[0]
        assert (made_plan.found, record.rows_in) == (finds, 0 if finds else 10)
        new = {} if finds or given.get("rescore") == "given" else {"new": 10}
        assert record.found == (
            {**dict.fromkeys(("changed", "stale", "unchanged", "vanished"), 0), **new} if new else {}
        )
        made_plan.note_found(record, {"new": 2, "changed": 1, "other": 5}, vanished=4)
        made_plan.note_chosen(record, 2)
        assert record.found == {"new": 2, "changed": 1, "stale": 0, "unchanged": 7, "vanished": 4}
        assert (record.rows_in, record.rows_left) == (2, 1)
    timed = plan({"rescore": {"updated_at": "at", "lookback": 1.5}})
    timed.run()
    assert timed.rescore.updated_at == "At" and timed.records[0].watermark == STARTED
    assert timed.lookback_us() == 1_500_000
    assert plan({"rescore": {"updated_at": "at", "lookback": "7 us"}}).lookback_us() == 7
    with pytest.raises(ConfigurationError, match="rescore has lookback 'soon'"):
        plan({"rescore": {"updated_at": "at", "lookback": "soon"}}).lookback_us()
    with pytest.raises(ConfigurationError, match="updated_at is the column 'id' of type INTEGER"):
        plan({"rescore": {"updated_at": "id"}})
    names = ["id", "scoring_run_id", "scored_at", "feature_hash"]
    flags = {"rescore": {"rule": "changed", "vanished": "flag"}}
    plan({"rescore": "changed"}).check_predictions(names)
    plan(flags).check_predictions([*names, "is_vanished"])
    for given, lacking in (
        ({}, names[1:]),
        (flags, names),
        ({"alias": ["a", "b"]}, names),
        ({}, [*names, "model_alias"]),
    ):
        with pytest.raises(ConfigurationError, match="the prediction table has the columns"):
            plan({"rescore": "changed", **given}).check_predictions(lacking)
