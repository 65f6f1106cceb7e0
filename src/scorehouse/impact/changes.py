"""Which keys change and which way: counted by outcome, segment and move, with the limits that bind.

Whether a prediction came true: what the real run wrote, compared with it key by key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB, double
from scorehouse.engines.columns import FEATURE_HASH
from scorehouse.engines.duckdb.sql import column_list, literal, quote
from scorehouse.engines.duckdb.staging import described
from scorehouse.errors import ConfigurationError
from scorehouse.impact.move import live_rows
from scorehouse.impact.scan import AFTER, BEFORE, SIDES, TABLE, Outcome, bare, of_side
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.project.run_log_place import rows_of
from scorehouse.replay.logged_run import logged_options
from scorehouse.scoring.decision import DecisionPolicy

ALL = "all"
KEPT, WRITTEN = "temp.main.scorehouse_kept", ":written"


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


@dataclass(frozen=True)
class Checked:
    """Predicted and realised changes of the keys that could be compared.

    `keys_different` of `keys_compared` got another outcome than was predicted. Not compared are `keys_moved`,
    whose features have changed since, `keys_new` and `keys_gone`, and `keys_waiting`, which no run of the new
    version has scored since: they wait for a later run, or are not in the features any more.
    `limits` are those of the keys compared, after the run, of `rows_in` rows in `seconds`. `same_input` says
    whether the newest run read exactly the rows of the prediction.
    """

    run_id: str
    keys_compared: int
    keys_different: int
    keys_moved: int
    keys_new: int
    keys_gone: int
    keys_waiting: int
    same_input: bool
    examples: tuple[str, ...]
    predicted: tuple[Change, ...]
    realised: tuple[Change, ...]
    limits: tuple[Limit, ...]
    rows_in: int
    seconds: float | None

    @property
    def came_true(self) -> bool:
        return self.keys_compared > 0 and not self.keys_different


def check(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    kept: Mapping[str, Any],
    run: Mapping[str, Any],
    call: str,
) -> Checked:
    """Compare the prediction table after `run` with the file `path`, whose header is `kept`.

    Raises ConfigurationError where nothing can be judged.
    """
    options = logged_options(run, call)
    outcomes = tuple(Outcome(**one) for one in kept["outcomes"])
    key, read = kept["key"], f"read_parquet({literal(str(path))})"
    names = list(dict.fromkeys([*kept["outputs"], *(one.name for one in outcomes)]))
    moved, has_hashes = "false", kept["hash_kind"] == run["feature_hash_kind"] and not options.is_wide
    audit = ["model_version", "scored_at", *([FEATURE_HASH] if has_hashes else [])]
    held = {name.lower() for name in described(connection, f"select * from {run['prediction_table']}")}
    if missing := [name for name in dict.fromkeys([*key, *names, *audit]) if name.lower() not in held]:
        raise ConfigurationError(
            call,
            f"{run['prediction_table']} has no column {', '.join(map(repr, missing))}",
            expected="the columns that its run wrote",
            action=f"build it anew: dbt build --select {kept['table']} --full-refresh",
        )
    if has_hashes:
        moved = "coalesce(kept.feature_hash <> written.feature_hash, false)"
    columns = [
        *(f"coalesce(kept.{quote(name)}, written.{quote(name)}) as {quote(name)}" for name in key),
        *(f"written.{quote(name)} as {quote(name + WRITTEN)}" for name in names),
        f"written.model_version as new_version, {moved} as has_moved",
        f"written.scored_at > {literal(kept['last_run_at'])}::timestamp as is_since",
    ]
    same = " and ".join(f"kept.{quote(name)} = written.{quote(name)}" for name in key)
    connection.execute(
        f"create or replace temp table {bare(KEPT)} as "
        f"select kept.* exclude ({', '.join(map(quote, key))}), {', '.join(columns)} "
        f"from (select *, true as was_there from {read}) as kept full join "
        f"{live_rows(connection, run, options)} as written on {same}"
    ).fetchall()
    ours = f"is_since and new_version = {kept['after']['version']}"
    compared = f"was_there and {ours} and not has_moved"
    differs = " or ".join(one.differs(WRITTEN, AFTER) for one in outcomes)
    counts = {
        "keys_compared": compared,
        "keys_different": f"{compared} and ({differs})",
        "keys_moved": f"was_there and {ours} and has_moved",
        "keys_new": f"was_there is null and {ours}",
        "keys_gone": "was_there and new_version is null",
        "keys_waiting": f"was_there and not ({ours})",
    }
    filters = ", ".join(f"count(*) filter ({sql}) as {name}" for name, sql in counts.items())
    (found,) = rows_of(connection.execute(f"select {filters} from {KEPT}"))
    same_input = run["input_fingerprint"] == kept["snapshot"]
    if kept["what_if"] and found["keys_waiting"]:  # none after a full refresh
        raise ConfigurationError(
            call,
            f"{kept['table']} had the keys of the prediction already, and rescore 'new' scores none again",
            expected="a prediction of keys that were not in the table yet",
            action="predict between the arrival of new features and the run that scores them",
        )
    if found["keys_different"] and not has_hashes and not same_input:
        raise ConfigurationError(
            call,
            f"{found['keys_different']:,} of {found['keys_compared']:,} keys got another outcome, and "
            "whether their features changed since cannot be told",
            expected="the input of the prediction, or hashes of its kind for each version in the table",
            action="predict the next move right before its run"
            + (", with the same DuckDB" if run["feature_hash_kind"] else ""),
        )
    key_text = " || ', ' || ".join(f"cast({quote(name)} as varchar)" for name in key)
    examples = connection.execute(
        f"select {key_text} from {KEPT} where {counts['keys_different']} order by 1 limit 3"
    ).fetchall()
    written = ", ".join(f"{quote(name + WRITTEN)} as {quote(name + AFTER)}" for name in names)
    rows = f"from {KEPT} where {compared}"
    predicted = _changes(connection, kept, outcomes, f"select * {rows}")
    realised = _changes(connection, kept, outcomes, f"select * replace ({written}) {rows}")
    thresholds = (kept["before"]["threshold"], kept["after"]["threshold"])
    return Checked(
        run_id=str(run["run_id"]),
        **found,
        same_input=same_input,
        examples=tuple(str(text) for (text,) in examples),
        predicted=predicted,
        realised=realised,
        limits=tuple(limits(connection, kept["outputs"], options.decision, thresholds)),
        rows_in=run["rows_in"] or 0,
        seconds=run["seconds"],
    )


def _changes(
    connection: duckdb.DuckDBPyConnection, kept: Mapping[str, Any], outcomes: tuple[Outcome, ...], sql: str
) -> tuple[Change, ...]:
    connection.execute(f"create or replace temp table {bare(TABLE)} as {sql}").fetchall()
    return tuple(changes(connection, outcomes, kept["segments"], kept["key"]))
