"""The SQL of rescoring on small random tables, beside the same rules in plain Python."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from scorehouse.engines.duckdb.rescore_sql import TODO, VANISHED, PlanPart, RescorePlan
from scorehouse.scoring.options import Rescore

START = datetime(2026, 1, 1)
KIND, OTHER_FUNCTION, OTHER_TYPES = "duckdb:1:types", "duckdb:2:types", "duckdb:1:others"
LOOKBACK = timedelta(hours=1)
FLAGGED = "is_vanished"
Key = tuple[int, str]
Row = dict[str, Any]


class Case:
    """Random features, predictions and runs, and what the rules say of them."""

    def __init__(self, seed: int, connection: duckdb.DuckDBPyConnection) -> None:
        self.draw = draw = random.Random(seed)
        self.connection = connection
        self.rule = draw.choice(["new", "changed", "updated_at"])
        self.aliases = draw.choice([[None], [None], ["champion", "challenger"]])
        self.flags = draw.random() < 0.5
        self.both_ways = self.aliases == [None] and draw.random() < 0.6
        keys = [(number, part) for number in range(5) for part in "ab"]
        self.features = {key: self._feature() for key in keys if draw.random() < 0.7}
        self.runs = {number: self._run(number) for number in range(6)}
        connection.execute('create table features ("the id" int, p text, g int, x double, moved timestamp)')
        for key, row in self.features.items():
            connection.execute("insert into features values (?, ?, ?, ?, ?)", [*key, *row.values()])
        hashes = connection.execute('select "the id", p, hash(x) from features').fetchall()
        self.hashes = {(number, part): found for number, part, found in hashes}
        self.old = {
            (alias, key): self._prediction(key)
            for alias in [*self.aliases, *(["gone"] if self.aliases[0] else [])]
            for key in keys
            if draw.random() < 0.7
        }
        connection.execute(
            "create table predictions (id int, part text, g int, scoring_run_id int, scored_at timestamp, "
            "feature_hash ubigint, row_status text, rank int, is_vanished boolean, model_alias text)"
        )
        for (alias, key), row in self.old.items():
            connection.execute(
                f"insert into predictions values ({', '.join('?' * 10)})", [*key, *row.values(), alias]
            )
        if not self.flags:
            connection.execute("alter table predictions drop column is_vanished")
        connection.execute(
            "create table runs (run_id int, status text, scoring_basis text, feature_hash_kind text, "
            "watermark timestamp)"
        )
        for number, run in self.runs.items():
            connection.execute("insert into runs values (?, ?, ?, ?, ?)", [number, *run.values()])
        self.plan = RescorePlan(
            "features",
            "predictions",
            "runs",
            key={"id": "the id", "part": "p"},
            group={"g": "g"},
            parts=[PlanPart(alias, f"basis {alias}", "hash(x)", KIND) for alias in self.aliases],
            rescore=Rescore(rule=self.rule, updated_at="moved" if self.rule == "updated_at" else None),
            lookback_us=LOOKBACK // timedelta(microseconds=1),
            flags=self.flags,
            both_ways=self.both_ways,
        )

    def _feature(self) -> Row:
        moved = self.draw.choice([None, *(START + timedelta(minutes=30 * number) for number in range(8))])
        return {"g": self.draw.randrange(3), "x": self.draw.choice([0.5, 1.5, None]), "moved": moved}

    def _run(self, number: int) -> Row:
        return {
            "status": self.draw.choice(["success"] * 5 + ["failed"]),
            "basis": f"basis {self.draw.choice(self.aliases)}",
            "kind": self.draw.choice([KIND, KIND, KIND, OTHER_FUNCTION, OTHER_TYPES]),
            "watermark": self.draw.choice([None, START + timedelta(hours=2), START + timedelta(hours=3)]),
        }

    def _prediction(self, key: Key) -> Row:
        return {
            "g": self.features[key]["g"] if key in self.features and self.draw.random() < 0.9 else 1,
            "run": self.draw.choice([*self.runs, *self.runs, 99]),
            "scored_at": START + timedelta(days=self.draw.randrange(1, 5)),
            "hash": self.hashes.get(key, 7) if self.draw.random() < 0.7 else 7,
            "status": self.draw.choice(["scored", "scored", "rejected"]),
            "rank": self.draw.choice([None, 1, 2, 3]),
            FLAGGED: self.flags and self.draw.random() < 0.3,
        }

    def state(self, alias: str | None, key: Key) -> str:
        old = self.old.get((alias, key))
        if old is None or old[FLAGGED]:
            return "new"
        run = self.runs.get(old["run"], {"status": "none"})
        is_known = run["status"] == "success"
        if self.rule != "new" and not (is_known and run["basis"] == f"basis {alias}"):
            return "stale"
        moved = self.features[key]["moved"]
        if self.rule == "changed" and (run["kind"] != KIND or old["hash"] != self.hashes[key]):
            return "changed"
        if self.rule == "updated_at" and (
            run["kind"] == OTHER_TYPES
            or None in (run["watermark"], moved)
            or moved > run["watermark"] - LOOKBACK
        ):
            return "changed"
        return "unchanged"

    def states(self) -> dict[Key, tuple[str, ...]]:
        found = {key: tuple(self.state(alias, key) for alias in self.aliases) for key in self.features}
        return {key: states for key, states in found.items() if set(states) != {"unchanged"}}

    def last_scored(self, key: Key) -> datetime | None:
        ages = [self.old.get((alias, key), {}).get("scored_at") for alias in self.aliases]
        return None if None in ages else min(ages)

    def vanished(self) -> list[Any]:
        gone = [
            (*key, *([alias] if self.aliases[0] else []), row[FLAGGED])
            for (alias, key), row in self.old.items()
            if key not in self.features or alias == "gone"
        ]
        return sorted(gone, key=repr)

    def touched(self, number: int, states: dict[Key, tuple[str, ...]]) -> set[int]:
        """The groups of a version with a row to score, or whose ranks have a gap."""
        found = {self.features[key]["g"] for key, of in states.items() if of[number] != "unchanged"}
        of_group = defaultdict(list)
        for (alias, key), row in self.old.items():
            if alias == self.aliases[number] and self.features.get(key, {}).get("g") == row["g"]:
                of_group[row["g"]].append(row)
        for group, rows in of_group.items():
            scored = sum(row["status"] == "scored" for row in rows)
            if scored != max((row["rank"] for row in rows if row["rank"]), default=0):
                found.add(group)
        return found

    def whole(self, states: dict[Key, tuple[str, ...]]) -> dict[Key, tuple[str, ...]]:
        """With the other rows of each group whose ranks may change."""
        touched = [self.touched(number, states) for number in range(len(self.aliases))]
        added = {key for key, row in self.features.items() if row["g"] in set().union(*touched)}
        return {
            key: tuple(
                "changed" if state == "unchanged" and self.features[key]["g"] in groups else state
                for state, groups in zip(states.get(key, ("unchanged",) * len(touched)), touched, strict=True)
            )
            for key in {*states, *added}
        }

    def todo(self) -> dict[Key, tuple[str, ...]]:
        columns = ", ".join(f"state_{number}" for number in range(len(self.aliases)))
        rows = self.rows(f"select id, part, {columns} from {TODO}")
        found = {(row[0], row[1]): row[2:] for row in rows}
        assert len(found) == len(rows)
        return found

    def rows(self, sql: str) -> list[Any]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as found:
        yield found


@pytest.mark.parametrize("seed", range(40))
def test_rows_to_score_are_those_of_the_rules(seed: int, connection: duckdb.DuckDBPyConnection) -> None:
    case = Case(seed, connection)
    plan, expected = case.plan, case.states()
    case.rows(plan.todo())
    for statement in plan.vanished():
        case.rows(statement)
    assert case.todo() == expected
    ages = {
        (number, part): age for number, part, age in case.rows(f"select id, part, last_scored from {TODO}")
    }
    assert ages == {key: case.last_scored(key) for key in expected}
    assert sorted(case.rows(f"from {VANISHED}"), key=repr) == case.vanished()
    assert len(case.rows(f"from {plan.live}")) == sum(not row[FLAGGED] for row in case.old.values())
    if case.both_ways:
        case.rows(plan.vanished_by_join())
        assert sorted(case.rows(f"from {VANISHED}"), key=repr) == case.vanished()
        new = sum(states == ("new",) and case.last_scored(key) is None for key, states in expected.items())
        assert case.rows(plan.matches()) == [(len(case.old), len(case.vanished()), new, new)]
    if case.rule == "changed":
        for statement in plan.whole_groups():
            case.rows(statement)
        assert case.todo() == case.whole(expected)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("grouped", [False, True])
def test_the_oldest_are_first_and_a_budget_cuts_between_groups(
    seed: int, grouped: bool, connection: duckdb.DuckDBPyConnection
) -> None:
    draw = random.Random(seed)
    ages = [None, START, START + timedelta(days=1), START + timedelta(days=2)]
    rows = [(number, draw.randrange(4) if grouped else number, draw.choice(ages)) for number in range(12)]
    connection.execute(f'create table {TODO} (id int, "group:g" int, last_scored timestamp)')
    for row in rows:
        connection.execute(f"insert into {TODO} values (?, ?, ?)", list(row))
    group = {"g": "g"} if grouped else {}
    plan = RescorePlan("", "", "", {"id": "id"}, group, [], Rescore(rule="changed"))
    of_group = defaultdict(list)
    for _, own, age in rows:
        of_group[own].append(age)
    never = {own: None in found for own, found in of_group.items()}
    oldest = {
        own: min((age for age in found if age), default=datetime.max) for own, found in of_group.items()
    }
    order = sorted(rows, key=lambda row: (not never[row[1]], oldest[row[1]], row[1], row[0]))
    sizes = Counter(row[1] for row in rows)
    ends = {row[1]: place for place, row in enumerate(order, 1)}
    for slice_rows in (1, 4, 100):
        connection.execute(plan.order(slice_rows))
        found = connection.execute(f"select id, place, unit_end, slice from {TODO} order by place").fetchall()
        assert found == [
            (row[0], place, ends[row[1]], (ends[row[1]] - 1) // slice_rows)
            for place, row in enumerate(order, 1)
        ]
        connection.execute(f"alter table {TODO} drop column place")
        connection.execute(f"alter table {TODO} drop column unit_end")
        connection.execute(f"alter table {TODO} drop column slice")
    connection.execute(plan.order(1))
    budget = draw.randrange(1, 12)
    connection.execute(plan.cut(budget))
    left = {row[0] for row in order if ends[row[1]] <= max(budget, sizes[order[0][1]])}
    assert {number for (number,) in connection.execute(f"select id from {TODO}").fetchall()} == left
