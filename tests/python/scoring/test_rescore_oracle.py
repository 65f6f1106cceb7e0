"""After any sequence of events a prediction table is what plain Python says that it must be.

A history follows from its seed. `tests/soak/rescore_oracle.sh` draws many seeds and longer histories, or
replays the histories of one seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from oracle.edges import EDGES, DiskFull, Terminated, TwoRegister
from oracle.machine import BUDGETS, DECISIONS, FIRST_DAY, IDS, LAYOUTS, POLICIES, TARGETS, PredictionTables
from oracle.rules import Slice
from oracle.values import Settings, ranked
from oracle.warehouse import OracleWarehouse

SEEDS = [int(number) for number in os.environ.get("SCOREHOUSE_ORACLE_SEEDS", "").split()]
LONG = {"max_examples": 25, "stateful_step_count": 12}  # of each seed that was asked for
PHASES = [Phase.generate] if os.environ.get("SCOREHOUSE_ORACLE_NO_SHRINK") else [Phase.generate, Phase.shrink]

HISTORIES = st.builds(
    Settings,
    rule=st.just("new"),
    max_rows=BUDGETS,
    targets=TARGETS,
    strict=st.booleans(),
    decision=DECISIONS,
    history=st.just(True),
    layout=LAYOUTS,
)


class PredictionHistories(PredictionTables):
    """Tables of a row a key and as-of date, which only grow."""

    settings_of_tables = HISTORIES
    has_days = True

    @rule(first=st.integers(0, 5), days=st.integers(1, 6), step=st.integers(1, 3))
    def backfill(self, first: int, days: int, step: int) -> None:
        self._backfill(first, days, step)

    @rule(
        first=st.integers(0, 5), days=st.integers(1, 6), step=st.integers(1, 3), statement=st.integers(0, 150)
    )
    def backfill_that_is_killed(self, first: int, days: int, step: int, statement: int) -> None:
        self._backfill(first, days, step, end=(statement, "kill"))
        self._backfill(first, days, step)

    @rule(first=st.integers(0, 5), days=st.integers(1, 6), step=st.integers(1, 3), identity=IDS)
    def backfill_that_fails(self, first: int, days: int, step: int, identity: int) -> None:
        self._backfill(first, days, step, faults=[("stream", identity)])
        self._backfill(first, days, step)

    def _backfill(self, first: int, days: int, step: int, **how: Any) -> None:
        begin, end = FIRST_DAY + timedelta(first), FIRST_DAY + timedelta(first + days)
        starts = [begin + timedelta(number) for number in range(0, days, step)]
        windows = tuple((start, min(start + timedelta(step), end)) for start in starts)
        asked = f"{{from: {begin}, to: {end - timedelta(1)}, slice_days: {step}}}"
        self.warehouse.manifest = None
        self._run("--vars", f"{{scorehouse_backfill: {asked}}}", windows=windows, **how)
        self.warehouse.manifest = None


class Rankings(PredictionTables):
    """Tables of ranks: a changed row changes the ranks of others, in the group that it left too."""

    least_rows = 6  # so that groups have several rows
    settings_of_tables = st.builds(
        Settings,
        rule=st.sampled_from(["changed", "changed", "all"]),
        strict=st.booleans(),
        ranks=st.just(True),
    ).flatmap(
        lambda asked: (
            st.just(asked)
            if asked.rule == "all"
            else st.builds(
                replace,
                st.just(asked),
                vanished=st.sampled_from(["keep", "flag", "delete"]),
                max_rows=BUDGETS,
            )
        )
    )

    def _follow(self, name: str, refresh: bool, windows: tuple[Slice | None, ...]) -> int:
        """Where nothing is left to later runs, the table is as if made anew; a failed run changes nothing."""
        table = self.tables[name]
        runs = [run for run in self.warehouse.runs(name) if run["run_id"] not in self.run_numbers]
        self.run_numbers |= {run["run_id"]: self.number for run in runs}
        rows = self.warehouse.rows(name)
        before, self.contents[name] = self.contents.get(name), rows
        self.last[name] = runs
        done = [run for run in runs if run["status"] == "success"]
        if not done:
            assert rows == before
            return 0
        assert not table.refuses(refresh)
        table.exists, table.columns = True, table.settings.columns
        (run,) = done
        assert run["rows_in"] == run["rows_scored"] + run["rows_rejected"]
        if run["rows_left"] == 0:
            version = self.warehouse.versions[self.aliases["champion"]]
            scored_whole = ranked(self.given, version, table.settings.strict)
            got = {(row["id"],): row for row in rows or [] if not row.get("is_vanished")}
            if table.settings.vanished == "keep":
                assert {row["rank"] for key, row in got.items() if key not in scored_whole} <= {None}
                got = {key: row for key, row in got.items() if key in scored_whole}
            assert {key: row["rank"] for key, row in got.items()} == {
                k: rank for k, (_, rank) in scored_whole.items()
            }
            for key, (score, _) in scored_whole.items():
                assert got[key]["score"] == (None if score is None else pytest.approx(score, rel=1e-12))
        return 1


class Decisions(PredictionTables):
    """A table of each policy, all of which are merged: decisions depend on rows that are not scored, too."""

    least_rows = 6
    settings_of_tables = st.builds(
        Settings,
        rule=st.sampled_from(["changed", "new", "updated_at"]),
        vanished=st.sampled_from(["keep", "flag", "delete"]),
        max_rows=BUDGETS,
        targets=st.sampled_from([("champion",), ("champion", "challenger")]),
        decision=st.sampled_from(POLICIES),
        layout=LAYOUTS,
    )

    def _settings(self, data: st.DataObject) -> list[Settings]:
        drawn = [data.draw(self.settings_of_tables, label="settings") for _ in POLICIES]
        return [replace(one, decision=policy) for one, policy in zip(drawn, POLICIES, strict=True)]

    @rule(data=st.data(), count=st.integers(2, 6))
    def change_rows_and_run(self, data: st.DataObject, count: int) -> None:
        self.change_rows(data, count)
        self._run()


# their edges have tests of their own in CI: test_faults.py, test_stopped_runs.py, test_one_writer.py
BESIDE = (DiskFull, Terminated, TwoRegister)
# with the number of histories in CI, of which the first is the simplest there is
MACHINES = {
    **dict.fromkeys(EDGES, 2),
    PredictionTables: 2,
    PredictionHistories: 2,
    Rankings: 2,
    Decisions: 2,
}


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[OracleWarehouse]:
    warehouse = OracleWarehouse(tmp_path_factory.mktemp("oracle"))
    yield warehouse
    warehouse.close()
    plugins, counted = request.config.pluginmanager, PredictionTables
    if reporter := plugins.get_plugin("terminalreporter"):
        with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
            reporter.write_line(
                f"\noracle: {counted.histories} histories, {counted.steps} steps, {counted.runs} dbt runs"
            )


@pytest.mark.slow
@pytest.mark.parametrize("number", SEEDS or [0], ids="seed-{}".format)
@pytest.mark.parametrize(
    "machine",
    [pytest.param(machine, marks=[pytest.mark.soak] * (machine in BESIDE)) for machine in MACHINES],
    ids=lambda machine: machine.__name__,
)
def test_any_history(machine: type[PredictionTables], number: int, warehouse: OracleWarehouse) -> None:
    size = LONG if SEEDS else {"max_examples": MACHINES[machine], "stateful_step_count": 5}
    run_state_machine_as_test(
        seed(number)(lambda: machine(warehouse)),
        settings=settings(**size, database=None, phases=PHASES, suppress_health_check=list(HealthCheck)),
    )
