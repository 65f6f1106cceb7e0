"""Which keys change and which way: counted by outcome, segment and move, with the limits that bind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from scorehouse.dialect import DUCKDB, double
from scorehouse.engines.duckdb.sql import column_list, quote
from scorehouse.impact.scan import AFTER, BEFORE, SIDES, TABLE, Outcome, of_side
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.scoring.decision import DecisionPolicy

ALL = "all"


@dataclass(frozen=True)
class Change:
    """How many keys of a segment go from one outcome to another, or keep theirs; one of the keys that go."""

    outcome: str
    segment: str
    segment_value: str
    before: str
    after: str
    keys: int
    changed: int
    example: str | None

    @property
    def is_move(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class Limit:
    """A threshold, or a budget by group: in how many groups it binds, and how many keys it cuts off."""

    limit: str
    groups: int
    binds_before: int
    binds_after: int
    cuts_before: int
    cuts_after: int


def changes(
    connection: duckdb.DuckDBPyConnection,
    outcomes: Sequence[Outcome],
    segments: Sequence[str],
    key: Sequence[str],
    table: str = TABLE,
) -> list[Change]:
    """The moves of every outcome, over all keys and in each value of each segment, the most keys first."""
    key_text = " || ', ' || ".join(f"cast(example.{quote(name)} as varchar)" for name in key)
    pairs = ", ".join(column for outcome in outcomes for column in outcome.columns)
    found = []
    for segment in [None, *segments]:
        part = quote(segment) if segment else f"'{ALL}'"
        connection.execute(  # one pass over the keys for all outcomes; of equal keys, one is the example
            f"create or replace temp table scorehouse_moves as select {part} as part, {pairs}, "
            f"count(*) as n, min(rowid) as place from {table} group by all"
        ).fetchall()
        for outcome in outcomes:
            rows = connection.execute(
                # a column called rowid takes its place, and may have a value twice
                f"select counted.* exclude (place), min({key_text}) from ("
                "select coalesce(cast(part as varchar), '(missing)') as part, "
                f"{outcome.text(BEFORE)} as was, {outcome.text(AFTER)} as now, sum(n)::bigint as n, "
                "min(place) as place from scorehouse_moves group by all) as counted left join "
                f"{table} as example on counted.was <> counted.now and example.rowid = counted.place "
                "group by all order by 4 desc, 1, 2, 3"
            ).fetchall()
            found += [
                Change(outcome.name, segment or ALL, part, was, now, n, n if was != now else 0, example)
                for part, was, now, n, example in rows
            ]
    return found


def limits(
    connection: duckdb.DuckDBPyConnection,
    outputs: Sequence[str],
    policy: DecisionPolicy | None,
    thresholds: tuple[float | None, float | None],
) -> list[Limit]:
    """The `thresholds` of both versions, and threshold and budget of the policy, with the keys below them."""
    found, (old, new) = list[Limit](), thresholds
    if old is not None and new is not None and "score" in outputs:
        sides = ((old, BEFORE), (new, AFTER))
        below = [f"count(*) filter ({quote('score' + side)} < {double(float(one))})" for one, side in sides]
        cuts = _counts(connection, below, [])[0]
        text = f"{old:g}" if old == new else f"{old:g} -> {new:g}"
        found.append(Limit(f"label threshold {text}", 1, *(int(cut > 0) for cut in cuts), *cuts))
    if policy is None or (policy.threshold is None and policy.top_n is None):
        return found
    by_group = [_of_policy(connection, of_side(policy, outputs, side), side) for side in SIDES]
    for place, name in enumerate(("threshold", "top_n")):
        if (limit := getattr(policy, name)) is None:
            continue
        per = f" per {', '.join(policy.per)}" if name == "top_n" and policy.per else ""
        was, now = ([row[place] for row in side] for side in by_group)
        binds = (sum(cut > 0 for cut in was), sum(cut > 0 for cut in now))
        groups = max(len(was), len(now))
        found.append(Limit(f"{name} {limit:g}{per}", groups, *binds, sum(was), sum(now)))
    return found


def _of_policy(connection: duckdb.DuckDBPyConnection, policy: DecisionPolicy, side: str) -> list[list[int]]:
    """By group, the keys that would have a yes but for the threshold, and but for the budget.

    Where a budget is full without the keys below the threshold, the threshold does not bind.
    """
    competing = f"({policy.competing(f'{quote(REJECT_REASON + side)} is null', DUCKDB)})"
    reaches = competing
    if policy.threshold is not None:
        reaches = f"{competing} and {quote(policy.score)} >= {double(policy.threshold)}"
    wanted = [f"count(*) filter ({competing})", f"count(*) filter ({reaches})"]
    rows = _counts(connection, wanted, policy.per)
    room = float("inf") if policy.top_n is None else policy.top_n
    return [[int(max(min(n, room) - good, 0)), int(max(good - room, 0))] for n, good in rows]


def _counts(
    connection: duckdb.DuckDBPyConnection, counts: Sequence[str], groups: Sequence[str]
) -> list[tuple[int, ...]]:
    by = f" group by {column_list(groups)}" if groups else ""
    return connection.execute(f"select {', '.join(counts)} from {TABLE}{by}").fetchall()
