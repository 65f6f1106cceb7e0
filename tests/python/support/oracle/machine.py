"""A state machine of Hypothesis that changes features, versions and settings, and breaks and kills runs.

After every run it holds every prediction table, and the run log, against the oracle.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from oracle.compare import differences, shown, wrong_counts
from oracle.rules import Slice, Table, parts_of
from oracle.values import Features, Key, Settings
from oracle.warehouse import ALIASES, OracleWarehouse
from project import Build
from rescoring import execute

FIRST_DAY = date(2024, 1, 1)
POLICIES: list[dict[str, Any]] = [
    {"threshold": 0.5},
    {"threshold": 0.3, "abstain": [0.4, 0.6], "bands": {"low": 0, "medium": 0.3, "high": 0.7}},
    {"top_n": 1, "per": "part"},
    {"top_n": 3, "threshold": 0.2, "labels": ["no", "yes"]},
]

IDS = st.integers(0, 11)
# three of four rows can be scored: of rows that are rejected there is little to rank, to count or to decide
ODD: list[float | None] = [None, None, float("nan"), float("inf")]
NUMBERS = st.integers(0, 24 + len(ODD)).map(lambda i: i / 2 if i <= 24 else ODD[i - 25])
PARTS = st.none() | st.integers(0, 2)
BUDGETS = st.none() | st.integers(1, 6)
DECISIONS = st.none() | st.sampled_from(POLICIES)
TARGETS = st.sampled_from(
    [
        ("champion",), (2,), ("champion", "challenger"), ("challenger", "champion"),
        ("champion", "challenger", "second"), (1, 3),
    ]
)  # fmt: skip
LAYOUTS = st.sampled_from(["long", "long", "wide"])
KEPT = st.sampled_from([("part",), ("part",), ("part", "note")])
DOORS = st.sampled_from(["sql_model", "python_model"])


@st.composite
def table_settings(draw: st.DrawFn) -> Settings:
    rule_name = draw(st.sampled_from(["changed", "updated_at", "new", "all", "given"]))
    planned = rule_name not in ("all", "given")
    return Settings(
        rule=rule_name,
        vanished=draw(st.sampled_from(["keep", "flag", "delete"])) if planned else "keep",
        lookback=draw(st.sampled_from([0, 100])) if rule_name == "updated_at" else 0,
        max_rows=draw(BUDGETS) if planned else None,
        targets=draw(TARGETS),
        strict=draw(st.booleans()),
        decision=draw(DECISIONS),
        layout=draw(LAYOUTS),
        kept=draw(KEPT),
    )


class PredictionTables(RuleBasedStateMachine):
    """Tables of every rule over one feature table."""

    settings_of_tables = table_settings()
    has_days = False
    least_tables, least_rows = 1, 0
    histories = steps = runs = 0  # of all machines of this process

    def __init__(self, warehouse: OracleWarehouse) -> None:
        super().__init__()
        self.warehouse = warehouse
        warehouse.reset()
        self.features: dict[Key, Features] = {}
        self.aliases = dict(ALIASES)
        self.tables: dict[str, Table] = {}
        self.clock = datetime(2024, 1, 1)
        self.number = 0  # of the dbt run
        self.sound = True
        self.run_numbers: dict[Any, int] = {}
        self.policies: dict[str, str] = {}
        self.contents: dict[str, Any] = {}
        self.last: dict[str, list[dict[str, Any]]] = {}  # rows of the run log, of the last run
        self.type_of_a = "double"
        self.more_columns = False
        PredictionTables.histories += 1

    @invariant()
    def _count(self) -> None:
        PredictionTables.steps += 1

    @initialize(data=st.data())
    def declare(self, data: st.DataObject) -> None:
        for number, asked in enumerate(self._settings(data)):
            self.tables[f"scores_{number}"] = Table(asked)
            self.warehouse.write(f"scores_{number}", data.draw(DOORS, label="door"), asked)
        for _ in range(data.draw(st.integers(self.least_rows, 8), label="rows")):
            self._put(data)

    def _settings(self, data: st.DataObject) -> list[Settings]:
        """The settings of each table of a history."""
        tables = data.draw(st.integers(self.least_tables, 3), label="tables")
        return [data.draw(self.settings_of_tables, label="settings") for _ in range(tables)]

    def _key(self, data: st.DataObject) -> Key:
        day = (
            data.draw(st.integers(0, 5).map(lambda days: FIRST_DAY + timedelta(days))) if self.has_days else 0
        )
        identity = data.draw(IDS, label="id")
        return (identity, day) if self.has_days else (identity,)

    def _put(self, data: st.DataObject) -> None:
        """A row comes, or changes; its stamp moves, or stands, or is lost."""
        key = self._key(data)
        self.clock += timedelta(seconds=60)
        stamp = data.draw(st.sampled_from([self.clock, self.clock, self.clock, None]), label="stamp")
        if key in self.features and data.draw(st.integers(0, 4), label="kept stamp") == 0:
            stamp = self.features[key].updated_at
        drawn = data.draw(st.tuples(NUMBERS, NUMBERS, PARTS), label="features")
        self.features[key] = Features(*drawn, stamp)

    @rule(data=st.data(), count=st.integers(1, 4))
    def change_rows(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            self._put(data)

    @precondition(lambda self: self.features)
    @rule(data=st.data(), count=st.integers(1, 3))
    def lose_rows(self, data: st.DataObject, count: int) -> None:
        for _ in range(min(count, len(self.features))):
            del self.features[data.draw(st.sampled_from(sorted(self.features)), label="lost")]
        self._run()

    @rule(alias=st.sampled_from(sorted(ALIASES)), version=st.integers(1, 4))
    def promote(self, alias: str, version: int) -> None:
        self.warehouse.promote(alias, version)
        self.aliases[alias] = version

    @rule(data=st.data())
    def change_settings(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tables)), label="table")
        asked = data.draw(self.settings_of_tables, label="settings")
        self.tables[name].settings = asked
        self.warehouse.write(name, data.draw(DOORS, label="door"), asked)
        self._run()

    @rule()
    def lose_the_run_log(self) -> None:
        execute(self.warehouse.project, "delete from scorehouse_run_log")
        for table in self.tables.values():
            table.forget_runs()
        self._run()

    @rule()
    def run(self) -> None:
        self._run()

    def teardown(self) -> None:
        if self.sound:  # a fault that was found ends the sequence where it was found
            self._run()

    @rule()
    def refresh(self) -> None:
        self._run("--full-refresh", refresh=True)

    @rule()
    def run_that_fails_at_its_end(self) -> None:
        self._run(faults=[("commit", 0)])

    @rule(identity=IDS)
    def run_that_fails_while_reading(self, identity: int) -> None:
        self._run(faults=[("stream", identity)])

    @rule(statement=st.integers(0, 120))
    def run_that_is_killed(self, statement: int) -> None:
        self._run(end=(statement, "kill"))

    def _run(
        self,
        *arguments: str,
        refresh: bool = False,
        faults: tuple[Any, ...] | list[Any] = (),
        end: tuple[int, str] | None = None,
        windows: tuple[Slice | None, ...] = (None,),
    ) -> None:
        """Run all tables, then hold each against the oracle."""
        self.number += 1
        self.sound = False
        self.warehouse.load_registry()
        self._fill(faults)
        PredictionTables.runs += 1
        command = ["run", "--select", *self.tables, *arguments]
        build = None
        if end is None:
            build = self.warehouse.dbt(*command)
        else:
            code = self.warehouse.end(*end, *command)
            assert code >= 0 or end[1] == "kill", f"{end} ended the process by signal {-code}"
        for name, table in self.tables.items():
            try:
                done = self._follow(name, refresh, windows)
            except AssertionError as error:
                error.add_note(f"table {name}, {table.settings}")
                raise
            if build is None:
                continue
            self._check_told(name, build)
            if table.refuses(refresh) and not faults:
                assert "--full-refresh" in build.messages[name]
            elif not faults:
                assert build.statuses[name] == "success", build.messages[name]
            assert (build.statuses[name] == "success") == (done == len(windows)), build.messages[name]
        if build is not None and build.success:
            assert self.warehouse.leftovers() == []
        left = self.warehouse.limits_after() - set(self.warehouse.limits)
        assert not left, f"after the run DuckDB has {left}, and had {self.warehouse.limits} before"
        self.sound = True

    def _check_told(self, name: str, build: Build) -> None:
        """Every row that a run began with is closed, and a run that failed left one that says why."""
        assert "started" not in {run["status"] for run in self.last[name]}
        if build.statuses[name] == "error":
            told = [run["error"] for run in self.last[name] if run["status"] == "failed"]
            assert told, f"no row of the run log says of {name}: {build.messages[name]}"
            for cause in ("sensor broke", "refused at commit"):
                assert cause not in build.messages[name] or any(cause in error for error in told), told

    def _fill(self, faults: Iterable[tuple[str, int]] = ()) -> None:
        self.warehouse.fill(self.features, faults, self.type_of_a, self.more_columns)

    @property
    def given(self) -> dict[Key, Features]:
        """The rows as the feature table holds them."""
        return {key: row.typed(self.type_of_a) for key, row in self.features.items()}

    def _follow(self, name: str, refresh: bool, windows: tuple[Slice | None, ...]) -> int:
        """Let the oracle do what the run log says was done, and compare; returns the slices done."""
        table = self.tables[name]
        runs = [run for run in self.warehouse.runs(name) if run["run_id"] not in self.run_numbers]
        self.run_numbers |= {run["run_id"]: self.number for run in runs}
        self.last[name] = runs
        runs = [run for run in runs if run["status"] == "success"]
        slices = list(dict.fromkeys(run["parent_run_id"] for run in runs))
        for window, parent in zip(windows, slices, strict=False):
            assert not table.refuses(refresh)
            found = table.run(
                self.number, self.given, self.warehouse.versions, self.aliases, refresh=refresh, window=window
            )
            logged = {self._label(table, run): run for run in runs if run["parent_run_id"] == parent}
            assert set(logged) == set(found)
            for label, counts in found.items():
                assert wrong_counts(logged[label], counts) == [], f"run log of {label!r}"
            self._learn_policy(table, runs)
            if not any(counts.rows_left for counts in found.values()):
                self._compare_with_a_full_scoring(table)
        rows = self.warehouse.rows(name)
        assert (rows is not None) == table.exists
        got = shown(rows or [], self.run_numbers, table)
        assert differences(got, table, self.policies) == []
        return len(slices)

    @staticmethod
    def _label(table: Table, run: dict[str, Any]) -> str:
        if not table.settings.several:
            return ""
        return run["alias_asked"] or f"version {run['model_version']}"

    def _learn_policy(self, table: Table, runs: list[dict[str, Any]]) -> None:
        """Each policy has one name, and no two share it."""
        if table.settings.decision:
            name = runs[-1]["decision_policy"]
            assert self.policies.setdefault(str(table.settings.decision), name) == name
            assert list(self.policies.values()).count(name) == 1

    def _compare_with_a_full_scoring(self, table: Table) -> None:
        """Under rules that see every change nothing tells the table from one made anew."""
        asked = table.settings
        if asked.rule not in ("all", "changed"):
            return
        parts = parts_of(asked, self.aliases)
        scored_whole = {
            (key, label): (self.warehouse.versions[version].outcome(row, asked.strict), version, row.part)
            for key, row in self.given.items()
            for label, (version, _) in parts.items()
        }
        held = {
            name: (row.outcome, row.version, row.made_from.part)
            for name, row in table.rows.items()
            if name in scored_whole or asked.vanished == "delete"
        }
        assert held == scored_whole
